// Package appeventservicecontract is the contract of appevent.Service, as tests.
package appeventservicecontract

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
)

// Subject is a service that runs, to which no client is connected.
type Subject struct {
	Events appevent.Service
	// Received waits until so many log events came back from the broker, and returns all
	// that have so far, in order.
	Received func(t *testing.T, n int) []event.Event
	// MaxBytes is how large a payload may be.
	MaxBytes int
	// Stop has the service publish nothing any more.
	Stop func(t *testing.T)
}

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, fixture)
	}{
		{"E11 an event is in the log as it is, for everyone or for its audience, with growing IDs", logged},
		{"E11 its data may be any JSON", anyJSON},
		{"E11 a name that means something else is refused, and data that is no JSON", refused},
		{"E11 E8 data that is too large is ErrTooLarge, and nothing is published", tooLarge},
		{"E11 E4 an event for a request_id that is not there is not delivered, and not in the log", unknownStream},
		{"E11 with a key that was used it is not sent again, and the answer is the same", withKey},
		{"E11 of callers with one key at the same time one publishes", keyRace},
		{"E11 a key of another owner is another key", otherOwners},
		{"E11 a key that a refused event had is not used", refusedKey},
		{"E11 T15 after the end Publish is ErrShuttingDown and nothing is published", afterStop},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fixture{t, fresh(t)}) })
	}
}

// fixture is a Subject with the steps that must not fail.
type fixture struct {
	t *testing.T
	Subject
}

func (f fixture) publish(r appevent.Request) appevent.Receipt {
	f.t.Helper()
	receipt, err := f.Events.Publish(f.t.Context(), r)
	if err != nil {
		f.t.Fatalf("Publish %s: %v", r.Name, err)
	}
	return receipt
}

func (f fixture) refuse(r appevent.Request, want error) {
	f.t.Helper()
	if receipt, err := f.Events.Publish(f.t.Context(), r); !errors.Is(err, want) || receipt != (appevent.Receipt{}) {
		f.t.Errorf("Publish %q: %+v, %v; want %v", r.Name, receipt, err, want)
	}
}

type published struct {
	Name, Data string
	Audience   *access.Audience
}

// wantReceived holds all log events against these, after which a last one is published.
func (f fixture) wantReceived(want ...published) {
	f.t.Helper()
	f.publish(note("last"))
	want = append(want, published{"last", `1`, nil})
	var got []published
	for _, ev := range f.Received(f.t, len(want)) {
		if ev.Service != event.ServiceApp || ev.Key != "" {
			f.t.Errorf("the event is of the service %q, with the key %q", ev.Service, ev.Key)
		}
		got = append(got, published{ev.Name, string(ev.Data), ev.Audience})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("in the log (-want +got):\n%s", diff)
	}
}

func note(name string) appevent.Request {
	return appevent.Request{Name: name, Data: json.RawMessage(`1`)}
}

func logged(_ *testing.T, f fixture) {
	audience := &access.Audience{Subjects: []string{"ann"}, Roles: []string{"staff"}, RequestIDs: []string{"tab-1"}}
	first := f.publish(appevent.Request{Name: "order.changed", Data: json.RawMessage(` {"id": 4711, "text":"<ü>"} `)})
	second := f.publish(appevent.Request{Name: "b", Data: json.RawMessage(`1`), Audience: access.Choice{Given: true, Audience: audience}})
	third := f.publish(appevent.Request{Name: "c", Data: json.RawMessage(`1`), Audience: access.Choice{Given: true}})
	if !first.Delivered || !second.Delivered || !third.Delivered {
		f.t.Error("what was accepted is not delivered")
	}
	if first.ID.IsZero() || first.ID.Epoch != second.ID.Epoch || first.ID.Seq >= second.ID.Seq || second.ID.Seq >= third.ID.Seq {
		f.t.Errorf("the IDs are %s, %s and %s", first.ID, second.ID, third.ID)
	}
	f.wantReceived(published{"order.changed", `{"id":4711,"text":"<ü>"}`, nil}, published{"b", `1`, audience}, published{"c", `1`, nil})
}

func anyJSON(_ *testing.T, f fixture) {
	var want []published
	for _, data := range []string{`null`, `""`, `false`, `12345678901234567890.10`, `[]`, `{"a":{"b":[1,null]}}`, `"<b>\n"`} {
		f.publish(appevent.Request{Name: "any", Data: json.RawMessage(data)})
		want = append(want, published{"any", data, nil})
	}
	f.wantReceived(want...)
}

func refused(_ *testing.T, f fixture) {
	for _, name := range []string{"", "task_event", "ping", "error", "Big", "a b", "a\nb", strings.Repeat("x", appevent.MaxNameLength+1)} {
		f.refuse(note(name), appevent.ErrInvalidName)
	}
	for _, data := range []string{"", "{", "1 2", "\"caf\xe9\""} {
		f.refuse(appevent.Request{Name: "a", Data: json.RawMessage(data)}, event.ErrInvalid)
	}
	f.wantReceived()
}

func tooLarge(_ *testing.T, f fixture) {
	fits := `"` + strings.Repeat("x", f.MaxBytes-2) + `"`
	f.refuse(appevent.Request{Name: "a", Data: json.RawMessage(`[` + fits + `]`)}, event.ErrTooLarge)
	f.refuse(appevent.Request{Name: "a", Data: json.RawMessage(`[` + fits + `]`), RequestID: "tab-1"}, event.ErrTooLarge)
	f.publish(appevent.Request{Name: "a", Data: json.RawMessage(" " + fits)})
	f.wantReceived(published{"a", fits, nil})
}

func unknownStream(_ *testing.T, f fixture) {
	r := note("a")
	r.RequestID = "nobody"
	for _, key := range []string{"", "key", "key"} {
		r.Key = key
		if receipt := f.publish(r); receipt != (appevent.Receipt{}) {
			f.t.Errorf("the receipt is %+v", receipt)
		}
	}
	f.wantReceived()
}

func withKey(_ *testing.T, f fixture) {
	r := note("a")
	r.Key, r.Owner = "a key – “ü”", "ann"
	first := f.publish(r)
	f.publish(note("b"))
	r.Name, r.RequestID = "c", "tab-1" // whatever the second request says
	if again := f.publish(r); again != first {
		f.t.Errorf("the second answer is %+v, the first was %+v", again, first)
	}
	f.wantReceived(published{"a", `1`, nil}, published{"b", `1`, nil})
}

func keyRace(_ *testing.T, f fixture) {
	r := note("a")
	r.Key = "key"
	const callers = 8
	var all sync.WaitGroup
	receipts := make([]appevent.Receipt, callers)
	for i := range callers {
		all.Go(func() {
			var err error
			if receipts[i], err = f.Events.Publish(f.t.Context(), r); err != nil {
				f.t.Errorf("Publish: %v", err)
			}
		})
	}
	all.Wait()
	for _, receipt := range receipts {
		if receipt != receipts[0] || receipt.ID.IsZero() {
			f.t.Errorf("the receipts are %+v", receipts)
		}
	}
	f.wantReceived(published{"a", `1`, nil})
}

func otherOwners(_ *testing.T, f fixture) {
	var want []published
	for _, owner := range []string{"", "ann", "bob"} {
		r := note("a")
		r.Key, r.Owner = "key", owner
		f.publish(r)
		want = append(want, published{"a", `1`, nil})
	}
	f.wantReceived(want...)
}

func refusedKey(_ *testing.T, f fixture) {
	bad := note("ping")
	bad.Key = "key"
	f.refuse(bad, appevent.ErrInvalidName)
	bad.Name = "a"
	f.publish(bad)
	f.wantReceived(published{"a", `1`, nil})
}

func afterStop(t *testing.T, f fixture) {
	before := note("before")
	before.Key = "key"
	f.publish(before)
	f.Received(t, 1)
	f.Stop(t)
	for _, key := range []string{"", "key", "other"} {
		r := note("a")
		r.Key = key
		f.refuse(r, appevent.ErrShuttingDown)
	}
	if got := f.Received(t, 1); len(got) != 1 {
		t.Errorf("in the log are %+v", got)
	}
}
