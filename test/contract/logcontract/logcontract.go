// Package logcontract is the contract of event.Log as a test suite.
package logcontract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// Subject is a log under test and the publisher that feeds it, both of a log that is empty.
type Subject struct {
	Publisher event.Publisher
	Log       event.Log
	// Retention is how many bytes of payloads are certain to push out what was published before
	// them, if they are for everyone and again if they are for some; at least a few thousand.
	Retention int
}

// Run tests the logs that fresh makes, a new one each time.
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
	{"W5 an empty log has no first event, and its last one is the place of the start", empty},
	{"W5 Read returns what follows a place, in order and as it was published, with the time", reads},
	{"W5 A12 events for some are in their places, with their audiences", audiences},
	{"W8 Read returns no more than its limit, the oldest of it", limited},
	{"W8 Read returns no more bytes than are asked for, but one event at least", bounded},
	{"W5 nothing follows the newest place", nothing},
	{"W5 after a place in another life of the log come the oldest events, and a gap is reported", otherEpoch},
	{"W5 a place that the log has not reached is ErrInvalidID", notReached},
	{"W5 after what retention has let go come the oldest events, and a gap is reported", dropped},
	{"W8 what is read while the log goes on has no hole without a gap", meanwhile},
	{"an ended context is its error", ended},
}

const (
	many      = 100     // events
	unbounded = 1 << 20 // bytes
)

func (s Subject) extent(t *testing.T) event.LogExtent {
	t.Helper()
	x, err := s.Log.Extent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// read returns all that follows a place, which Read may return a few at a time.
func (s Subject) read(t *testing.T, after event.ID) (entries []event.LogEntry, gap bool) {
	t.Helper()
	for at := after; ; {
		page, missed, err := s.Log.Read(t.Context(), at, many, unbounded)
		if err != nil {
			t.Fatalf("after %v: %v", at, err)
		}
		gap = gap || missed
		if len(page) == 0 {
			return entries, gap
		}
		entries = append(entries, page...)
		at = page[len(page)-1].ID
	}
}

// want fails unless exactly these events follow a place.
func (s Subject) want(t *testing.T, after event.ID, want ...event.Record) {
	t.Helper()
	entries, gap := s.read(t, after)
	got := make([]event.Record, 0, len(entries))
	for _, e := range entries {
		if e.Bytes != len(e.Data) {
			t.Errorf("%v has %d bytes, and a payload of %d", e.ID, e.Bytes, len(e.Data))
		}
		got = append(got, record(e.ID, event.Event{Name: e.Name, Data: e.Data, Audience: e.Audience}))
	}
	if len(got)+len(want) > 0 && !cmp.Equal(want, got) || gap {
		t.Errorf("after %v, with a gap: %t (-want +got):\n%s", after, gap, cmp.Diff(want, got))
	}
}

// record is what can be told of a log event.
func record(id event.ID, ev event.Event) event.Record {
	return event.Record{ID: id, Event: event.Event{Name: ev.Name, Data: ev.Data, Audience: ev.Audience}}
}

func (s Subject) publish(t *testing.T, ev event.Event) event.Record {
	t.Helper()
	ev.Service = event.ServiceTask
	id, err := s.Publisher.Publish(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return record(id, ev)
}

func (s Subject) publishNotes(t *testing.T, n int) (recs []event.Record) {
	t.Helper()
	for i := range n {
		recs = append(recs, s.publish(t, event.Event{Name: "note", Data: fmt.Appendf(nil, `{"n":%d}`, i)}))
	}
	return recs
}

// push publishes what drives out all that was published before.
func (s Subject) push(t *testing.T) {
	t.Helper()
	for range 10 {
		data := bytes.Repeat([]byte("1"), max(1, s.Retention/8))
		s.publish(t, event.Event{Name: "note", Data: data})
		s.publish(t, event.Event{Name: "note", Data: data, Audience: &access.Audience{Subjects: []string{"ann"}}})
	}
}

func empty(t *testing.T, s Subject) {
	x := s.extent(t)
	if !x.First.IsZero() || x.Last.Epoch == "" || x.Events != 0 || !x.Since.IsZero() || x.MaxBytes <= 0 {
		t.Errorf("the extent is %+v", x)
	}
	s.want(t, event.ID{})
	s.want(t, x.Last)
	rec := s.publishNotes(t, 1)[0]
	s.want(t, x.Last, rec)
	s.want(t, event.ID{}, rec)
}

func reads(t *testing.T, s Subject) {
	begun := time.Now().Add(-time.Second) // times may be rounded
	recs := s.publishNotes(t, 5)
	recs = append(recs, s.publish(t, event.Event{Name: "a b:c: d", Data: []byte(`"<&>\u2028 é"`)}))
	s.want(t, event.ID{}, recs...)
	for i, rec := range recs {
		s.want(t, rec.ID, recs[i+1:]...)
	}
	x := s.extent(t)
	if x.First != recs[0].ID || x.Last != recs[5].ID || x.Events != 6 || x.Bytes < 20 {
		t.Errorf("the extent is %+v", x)
	}
	entries, _ := s.read(t, event.ID{})
	at := begun
	for _, e := range entries {
		if e.At.Before(at) || e.At.After(time.Now().Add(time.Second)) {
			t.Errorf("%v is of %s, the one before of %s", e.ID, e.At, at)
		}
		at = e.At
	}
	if !x.Since.Equal(entries[0].At) {
		t.Errorf("the log is there since %s, and its first event since %s", x.Since, entries[0].At)
	}
}

func audiences(t *testing.T, s Subject) {
	var recs []event.Record
	for i, a := range []*access.Audience{
		{Subjects: []string{"anna"}}, nil, nil, {Roles: []string{"ops"}, RequestIDs: []string{"r1"}}, {Subjects: []string{"anna"}}, nil, {Subjects: []string{"bob"}},
	} {
		recs = append(recs, s.publish(t, event.Event{Name: "note", Data: fmt.Appendf(nil, "%d", i), Audience: a}))
	}
	s.want(t, event.ID{}, recs...)
	for i, rec := range recs {
		s.want(t, rec.ID, recs[i+1:]...)
	}
	if x := s.extent(t); x.First != recs[0].ID || x.Last != recs[6].ID || x.Events != 7 {
		t.Errorf("the extent is %+v", x)
	}
	for at, i := (event.ID{}), 0; i < len(recs); i++ { // however little is asked for
		page, gap, err := s.Log.Read(t.Context(), at, many, 1)
		if err != nil || gap || len(page) == 0 || page[0].ID != recs[i].ID {
			t.Fatalf("after %v: %v, %t, %v; want %v", at, page, gap, err, recs[i].ID)
		}
		at = page[0].ID
	}
}

func limited(t *testing.T, s Subject) {
	recs := s.publishNotes(t, 5)
	for at, i := (event.ID{}), 0; i < len(recs); {
		page, _, err := s.Log.Read(t.Context(), at, 2, unbounded)
		if err != nil || len(page) == 0 || len(page) > 2 {
			t.Fatalf("after %v: %v, %v", at, page, err)
		}
		for _, e := range page {
			if e.ID != recs[i].ID {
				t.Errorf("got %v, want %v", e.ID, recs[i].ID)
			}
			at, i = e.ID, i+1
		}
	}
}

func bounded(t *testing.T, s Subject) {
	const size = 500
	var recs []event.Record
	for range 4 {
		recs = append(recs, s.publish(t, event.Event{Name: "note", Data: bytes.Repeat([]byte("1"), size)}))
	}
	for _, c := range []struct{ bytes, atMost int }{{1, 1}, {size, 1}, {2*size - 1, 1}, {2 * size, 2}, {3*size + 1, 3}} {
		page, _, err := s.Log.Read(t.Context(), event.ID{}, many, c.bytes)
		if err != nil || len(page) == 0 || len(page) > c.atMost || page[0].ID != recs[0].ID {
			t.Errorf("of %d bytes: %d events, %v; want one to %d", c.bytes, len(page), err, c.atMost)
		}
	}
}

func nothing(t *testing.T, s Subject) {
	s.want(t, s.publishNotes(t, 2)[1].ID)
}

func otherEpoch(t *testing.T, s Subject) {
	recs := s.publishNotes(t, 2)
	other := recs[1].ID
	other.Epoch += "x"
	other.Seq += 1000
	page, gap, err := s.Log.Read(t.Context(), other, 1, unbounded)
	if err != nil || !gap || len(page) != 1 || page[0].ID != recs[0].ID {
		t.Errorf("got %v, %t, %v", page, gap, err)
	}
}

func notReached(t *testing.T, s Subject) {
	id := s.publishNotes(t, 1)[0].ID
	id.Seq++
	if page, gap, err := s.Log.Read(t.Context(), id, many, unbounded); !errors.Is(err, event.ErrInvalidID) || gap || len(page) > 0 {
		t.Errorf("got %v, %t, %v; want ErrInvalidID", page, gap, err)
	}
}

func dropped(t *testing.T, s Subject) {
	first := s.publishNotes(t, 2)[0]
	s.push(t)
	last := s.publishNotes(t, 2)
	x := s.extent(t)
	if x.First.Seq <= first.ID.Seq+1 || x.Last != last[1].ID {
		t.Errorf("the extent is %+v", x)
	}
	entries, gap := s.read(t, first.ID)
	if !gap || len(entries) != x.Events || entries[0].ID != x.First {
		t.Errorf("%d events with a gap: %t, from %v; want %d from %v", len(entries), gap, entries[0].ID, x.Events, x.First)
	}
	if again, gap := s.read(t, event.ID{}); gap || !cmp.Equal(entries, again) {
		t.Errorf("from the beginning, with a gap: %t (-want +got):\n%s", gap, cmp.Diff(entries, again))
	}
	before := x.First
	before.Seq--
	if _, gap := s.read(t, before); gap {
		t.Error("nothing is missing after the place before the first event, and a gap is reported")
	}
	s.want(t, last[0].ID, last[1])
}

// meanwhile reads while events come and go. All have sequences, so a hole shows.
func meanwhile(t *testing.T, s Subject) {
	at := s.publishNotes(t, 1)[0].ID
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for range 5 {
			s.push(t)
		}
	})
	ended := make(chan struct{})
	go func() {
		publishing.Wait()
		close(ended)
	}()
	for over := false; !over; {
		select {
		case <-ended:
			over = true // after one more look
		default:
		}
		page, gap, err := s.Log.Read(t.Context(), at, 3, unbounded)
		if err != nil {
			t.Error(err)
			break
		}
		for _, e := range page {
			if e.ID.Seq != at.Seq+1 && !gap {
				t.Errorf("%v came after %v without a gap", e.ID, at)
			}
			at = e.ID
		}
	}
	<-ended
}

func ended(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Log.Read(ctx, event.ID{}, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v, want the context's error", err)
	}
	if _, err := s.Log.Extent(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Extent: %v, want the context's error", err)
	}
}
