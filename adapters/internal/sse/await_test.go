package sse_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/internal/sse"
	"heliograph/domain/event"
)

func TestStreamWaitsForWhatItsClientHasFromAnotherNode(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{})
		id := func(seq uint64) string { return event.ID{Epoch: epoch, Seq: seq}.String() }
		b.publish(note("1"))
		began := time.Now()
		for _, there := range []string{"", "junk", "other-99", id(1)} {
			b.Await(t.Context(), there)
		}
		if time.Since(began) != 0 {
			t.Error("it waited for what is there or never will be")
		}
		time.AfterFunc(time.Second, func() { b.publish(note("2")) })
		time.AfterFunc(time.Second+1, func() { b.publish(note("3")) })
		b.Await(t.Context(), id(3))
		if got := time.Since(began); got != time.Second+1 {
			t.Errorf("it waited %s", got)
		}
		b.Await(t.Context(), id(9))
		if got := time.Since(began); got != 3*time.Second+1 {
			t.Errorf("it gave up after %s", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.Await(ctx, id(9))
		if got := time.Since(began); got != 3*time.Second+1 {
			t.Errorf("it waited for a client that is gone: %s", got)
		}
	})
}
