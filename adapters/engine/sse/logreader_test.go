package sse_test

import (
	"context"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/outbound/mempublisher"
	"heliograph/domain/event"
	"heliograph/test/contract/logcontract"
)

// broadcaster is a Receiver that hands everything to an engine.
type broadcaster struct {
	t      *testing.T
	engine *sse.Engine
}

func (b broadcaster) Receive(_ context.Context, rec event.Record) {
	if err := b.engine.Broadcast(rec); err != nil {
		b.t.Error(err)
	}
}

func TestLogContract(t *testing.T) {
	t.Parallel()
	for _, format := range []wire.Format{wire.FormatNamed, wire.FormatEnvelope} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			logcontract.Run(t, func(t *testing.T) logcontract.Subject {
				const retention = 16 << 10
				start := event.ID{Epoch: epoch}
				e := sse.New(sse.Config{Start: start, HistoryBytes: retention, Format: format, Shards: -1}, newTally())
				p := mempublisher.New(mempublisher.Config{Start: start}, broadcaster{t, e})
				return logcontract.Subject{Publisher: p, Log: sse.NewLogReader(e), Retention: retention}
			})
		})
	}
}

// Pings and heartbeats are in the log, and are no events of it.
func TestTheLogOfOperatorsHasNoControlEvents(t *testing.T) { // W5
	t.Parallel()
	e := sse.New(sse.Config{Start: event.ID{Epoch: epoch}, HistoryBytes: 1 << 20, Shards: -1}, newTally())
	ping := event.Record{Event: event.Event{Name: "ping", Data: []byte(`{}`)}}
	for seq := range uint64(3) {
		rec := event.Record{ID: event.ID{Epoch: epoch, Seq: seq + 1}, Event: event.Event{Service: event.ServiceTask, Name: "note", Data: []byte(`1`)}}
		for _, r := range []event.Record{ping, ping, rec, ping} {
			if err := e.Broadcast(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	log := sse.NewLogReader(e)
	entries, gap, err := log.Read(t.Context(), event.ID{}, 100, 1<<20)
	if len(entries) != 3 || gap || err != nil {
		t.Errorf("%v, %t, %v", entries, gap, err)
	}
	for i, entry := range entries {
		if entry.ID.Seq != uint64(i)+1 || entry.Name != "note" || string(entry.Data) != "1" {
			t.Errorf("%+v", entry)
		}
	}
	if x, err := log.Extent(t.Context()); x.Events != 3 || x.First.Seq != 1 || x.Last.Seq != 3 || err != nil {
		t.Errorf("%+v, %v", x, err)
	}
}
