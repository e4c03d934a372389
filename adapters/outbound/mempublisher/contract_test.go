package mempublisher_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"heliograph/adapters/outbound/mempublisher"
	"heliograph/domain/event"
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
