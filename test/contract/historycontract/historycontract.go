// Package historycontract is the contract of event.History as a test suite.
package historycontract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// Subject is a history under test and the publisher that feeds it, both of a
// log that is empty.
type Subject struct {
	Publisher event.Publisher
	History   event.History
	// Retention is how many bytes of payloads are certain to push out what was
	// published before them; at least a few thousand.
	Retention int
}

// Run tests the histories that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range clauses {
		t.Run(clause.sentence, func(t *testing.T) { clause.test(t, fresh(t)) })
	}
}

var clauses = []struct {
	sentence string
	test     func(t *testing.T, s Subject)
}{
	{"Newest is the place of the start before the first event, then that of the last one", newest},
	{"After returns what follows a place, in order and as it was published", after},
	{"A12 After returns events with their audiences", audiences},
	{"After returns no more than its limit, the oldest of it", limited},
	{"nothing follows the newest place", nothing},
	{"a place of another epoch is ErrEpoch", otherEpoch},
	{"a place that the log has not reached is ErrInvalidID", notReached},
	{"what retention has let go is ErrExpired, and what follows it is still there", expired},
	{"an ended context is its error", ended},
}

func newest(t *testing.T, s Subject) {
	start, err := s.History.Newest(t.Context())
	if err != nil || start.Epoch == "" {
		t.Fatalf("before the first event: %v, %v", start, err)
	}
	recs := s.publish(t, 3)
	if got, err := s.History.Newest(t.Context()); err != nil || got != recs[2].ID {
		t.Errorf("got %v, %v; want %v", got, err, recs[2].ID)
	}
	s.want(t, start, recs...)
}

func after(t *testing.T, s Subject) {
	recs := s.publish(t, 5)
	for i, rec := range recs {
		s.want(t, rec.ID, recs[i+1:]...)
	}
}

func audiences(t *testing.T, s Subject) {
	first := s.publish(t, 1)[0]
	var recs []event.Record
	for _, a := range []*access.Audience{{Subjects: []string{"anna"}}, nil, {Roles: []string{"ops"}, RequestIDs: []string{"r1"}}} {
		recs = append(recs, s.publishEvent(t, event.Event{Service: event.ServiceTask, Name: "note", Data: []byte(`1`), Audience: a}))
	}
	s.want(t, first.ID, recs...)
}

func limited(t *testing.T, s Subject) {
	recs := s.publish(t, 5)
	got, err := s.History.After(t.Context(), recs[0].ID, 2)
	if diff := cmp.Diff(recs[1:3], got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func nothing(t *testing.T, s Subject) {
	start, err := s.History.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, start)
	s.want(t, s.publish(t, 1)[0].ID)
}

func otherEpoch(t *testing.T, s Subject) {
	id := s.publish(t, 1)[0].ID
	id.Epoch += "x"
	s.wantError(t, id, event.ErrEpoch)
}

func notReached(t *testing.T, s Subject) {
	id := s.publish(t, 1)[0].ID
	id.Seq += 1000
	s.wantError(t, id, event.ErrInvalidID)
}

func expired(t *testing.T, s Subject) {
	first := s.publish(t, 1)[0]
	big := event.Event{Service: event.ServiceTask, Name: "note", Data: bytes.Repeat([]byte("1"), max(1, s.Retention/8))}
	for range 10 {
		s.publishEvent(t, big)
	}
	last := s.publish(t, 2)
	s.wantError(t, first.ID, event.ErrExpired)
	s.want(t, last[0].ID, last[1])
}

func ended(t *testing.T, s Subject) {
	id := s.publish(t, 1)[0].ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.History.After(ctx, id, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("After: %v, want the context's error", err)
	}
	if _, err := s.History.Newest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Newest: %v, want the context's error", err)
	}
}

func (s Subject) publish(t *testing.T, n int) (recs []event.Record) {
	t.Helper()
	for i := range n {
		recs = append(recs, s.publishEvent(t, event.Event{
			Service: event.ServiceTask, Name: "note", Data: fmt.Appendf(nil, `{"n":%d}`, i),
		}))
	}
	return recs
}

func (s Subject) publishEvent(t *testing.T, ev event.Event) event.Record {
	t.Helper()
	id, err := s.Publisher.Publish(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return event.Record{ID: id, Event: ev}
}

func (s Subject) want(t *testing.T, id event.ID, want ...event.Record) {
	t.Helper()
	got, err := s.History.After(t.Context(), id, 100)
	if err != nil {
		t.Fatalf("after %v: %v", id, err)
	}
	if len(got)+len(want) > 0 && !cmp.Equal(want, got) {
		t.Errorf("after %v (-want +got):\n%s", id, cmp.Diff(want, got))
	}
}

func (s Subject) wantError(t *testing.T, id event.ID, want error) {
	t.Helper()
	if got, err := s.History.After(t.Context(), id, 100); !errors.Is(err, want) || len(got) > 0 {
		t.Errorf("after %v: %d events, %v; want %v", id, len(got), err, want)
	}
}
