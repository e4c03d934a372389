package mempublisher_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"heliograph/adapters/outbound/mempublisher"
	"heliograph/domain/event"
	"heliograph/test/contract/historycontract"
	"heliograph/test/contract/logcontract"
	"heliograph/test/contract/publishercontract"
)

// recorder is a Receiver that keeps what it gets.
type recorder struct {
	mu   sync.Mutex
	recs []event.Record
}

func (r *recorder) Receive(_ context.Context, rec event.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recs = append(r.recs, rec)
}

func (r *recorder) received() []event.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.recs)
}

func TestPublisherContract(t *testing.T) {
	t.Parallel()
	publishercontract.Run(t, func(*testing.T) publishercontract.Subject {
		r := &recorder{}
		p := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}, MaxEventBytes: 1 << 10}, r)
		return publishercontract.Subject{Publisher: p, Received: r.received, Close: p.Close, MaxEventBytes: 1 << 10}
	})
}

func TestHistoryContract(t *testing.T) {
	t.Parallel()
	historycontract.Run(t, func(*testing.T) historycontract.Subject {
		const retention = 16 << 10
		p := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}, HistoryBytes: retention}, &recorder{})
		return historycontract.Subject{Publisher: p, History: p, Retention: retention}
	})
}

func TestWithoutHistoryEveryPlaceButTheNewestIsExpired(t *testing.T) {
	t.Parallel()
	p := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}}, &recorder{})
	id, err := p.Publish(t.Context(), event.Event{Service: event.ServiceTask, Name: "note", Data: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	if recs, err := p.After(t.Context(), id, 1); len(recs) != 0 || err != nil {
		t.Errorf("after the newest: %v, %v; want nothing", recs, err)
	}
	if _, err := p.After(t.Context(), event.ID{Epoch: "e"}, 1); err == nil {
		t.Error("what was not kept is said to be there")
	}
}

func TestLogContract(t *testing.T) {
	t.Parallel()
	logcontract.Run(t, func(*testing.T) logcontract.Subject {
		const retention = 16 << 10
		p := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}, HistoryBytes: retention}, &recorder{})
		return logcontract.Subject{Publisher: p, Log: mempublisher.NewLog(p), Retention: retention}
	})
}
