// Package publishercontract is the contract of event.Publisher, as tests.
package publishercontract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// Subject is a publisher under test, fresh and open.
type Subject struct {
	Publisher event.Publisher
	// Received returns what the node's Receiver has got so far, once all that was
	// accepted before the call is there.
	Received func() []event.Record
	// Close shuts the broker down.
	Close func(ctx context.Context) error
	// MaxEventBytes is the largest payload that is taken.
	MaxEventBytes int
}

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"E1 IDs rise by one within one epoch", idsRise},
		{"E1 what was accepted is received in the order of the IDs, once", receivedInOrder},
		{"E7 concurrent publishers get one total order that keeps each one's own", concurrent},
		{"an event is received as it was published", intact},
		{"A12 an event is received with its audience", audience},
		{"E8 an event over the limit is refused and not received", tooLarge},
		{"an invalid event is refused and not received", invalid},
		{"an ended context publishes nothing", endedContext},
		{"a closed broker takes nothing, and may be closed twice", closed},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func number(n int) event.Event {
	return event.Event{Service: event.ServiceTask, Name: "n", Data: json.RawMessage(fmt.Sprint(n))}
}

func publish(t *testing.T, s Subject, ev event.Event) event.ID {
	t.Helper()
	id, err := s.Publisher.Publish(t.Context(), ev)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return id
}

func idsRise(t *testing.T, s Subject) {
	first, second := publish(t, s, number(1)), publish(t, s, number(2))
	if first.Epoch == "" || second.Epoch != first.Epoch || second.Seq != first.Seq+1 {
		t.Errorf("two events got the IDs %v and %v", first, second)
	}
	if _, err := event.ParseID(first.String()); err != nil {
		t.Errorf("ID %v does not survive the wire: %v", first, err)
	}
}

func receivedInOrder(t *testing.T, s Subject) {
	var want []event.ID
	for n := range 100 {
		want = append(want, publish(t, s, number(n)))
	}
	got := s.Received()
	if len(got) != len(want) {
		t.Fatalf("%d events were received, want %d", len(got), len(want))
	}
	for i, rec := range got {
		if rec.ID != want[i] || string(rec.Event.Data) != fmt.Sprint(i) {
			t.Errorf("event %d: received %v with %s, published as %v", i, rec.ID, rec.Event.Data, want[i])
		}
	}
}

func concurrent(t *testing.T, s Subject) {
	const publishers, each = 8, 200
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for n := range each {
				if _, err := s.Publisher.Publish(t.Context(), number(p*each+n)); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	all.Wait()
	got := s.Received()
	if len(got) != publishers*each {
		t.Fatalf("%d events were received, want %d", len(got), publishers*each)
	}
	next := make([]int, publishers)
	for i, rec := range got {
		if i > 0 && rec.ID.Seq != got[i-1].ID.Seq+1 {
			t.Fatalf("sequence %d follows %d", rec.ID.Seq, got[i-1].ID.Seq)
		}
		var n int
		if err := json.Unmarshal(rec.Event.Data, &n); err != nil {
			t.Fatal(err)
		}
		if p := n / each; n%each != next[p] {
			t.Fatalf("publisher %d: event %d came when %d was next", p, n%each, next[p])
		}
		next[n/each]++
	}
}

func intact(t *testing.T, s Subject) {
	want := event.Event{
		Service: event.ServiceVersion, Name: "version", Key: "k",
		Data: json.RawMessage(`{"text":"line one\nline two – “ünï”"}`),
	}
	publish(t, s, want)
	got := s.Received()[0].Event
	if got.Service != want.Service || got.Name != want.Name || got.Key != want.Key || string(got.Data) != string(want.Data) {
		t.Errorf("received %+v, published %+v", got, want)
	}
}

func audience(t *testing.T, s Subject) {
	audiences := []*access.Audience{
		nil, {Subjects: []string{"anna", "“bert”"}}, {Roles: []string{"ops"}, RequestIDs: []string{"r1"}}, {Subjects: []string{"s"}, Roles: []string{"r"}}, nil,
	}
	for i, a := range audiences {
		ev := number(i)
		ev.Audience = a
		publish(t, s, ev)
	}
	for i, rec := range s.Received() {
		if diff := cmp.Diff(audiences[i], rec.Event.Audience); diff != "" {
			t.Errorf("event %d: its audience (-published +received):\n%s", i, diff)
		}
	}
}

func tooLarge(t *testing.T, s Subject) {
	ev := number(1)
	ev.Data = json.RawMessage(`"` + strings.Repeat("x", s.MaxEventBytes-1) + `"`)
	if _, err := s.Publisher.Publish(t.Context(), ev); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("one byte over the limit: error %v, want ErrTooLarge", err)
	}
	ev.Data = json.RawMessage(`"` + strings.Repeat("x", s.MaxEventBytes-2) + `"`)
	publish(t, s, ev)
	if n := len(s.Received()); n != 1 {
		t.Errorf("%d events were received, want the one within the limit", n)
	}
}

func invalid(t *testing.T, s Subject) {
	for _, ev := range []event.Event{
		{Service: event.ServiceTask, Name: "", Data: json.RawMessage(`1`)},
		{Service: event.ServiceTask, Name: "a\nb", Data: json.RawMessage(`1`)},
		{Service: event.ServiceTask, Name: "a", Data: json.RawMessage(`{`)},
		{Service: event.ServiceTask, Name: "a"},
		{Service: event.ServiceTask, Name: "a", Data: json.RawMessage("\"caf\xe9\"")},
	} {
		if _, err := s.Publisher.Publish(t.Context(), ev); !errors.Is(err, event.ErrInvalid) {
			t.Errorf("name %q, data %q: error %v, want ErrInvalid", ev.Name, ev.Data, err)
		}
	}
	if n := len(s.Received()); n != 0 {
		t.Errorf("%d events were received, want none", n)
	}
}

func endedContext(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Publisher.Publish(ctx, number(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if n := len(s.Received()); n != 0 {
		t.Errorf("%d events were received, want none", n)
	}
}

func closed(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if _, err := s.Publisher.Publish(t.Context(), number(1)); !errors.Is(err, event.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}
