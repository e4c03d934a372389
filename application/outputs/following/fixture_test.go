package following_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memoutput"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/outputs"
	"heliograph/application/outputs/following"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sender is a gateway.Sender whose streams write when a test says so. It fails if a stream
// is handed a second event before it has written the first.
type sender struct {
	gateway.Sender // of which one method is needed

	t  *testing.T
	mu sync.Mutex
	// under is what is under way, by stream; one that is closed is not there. Guarded by mu.
	under map[connection.Token]*underWay
	err   error // of SendParts; guarded by mu
}

type underWay struct {
	ev   event.Event
	next gateway.Parts // nil: nothing is under way
}

func (s *sender) SendParts(_ context.Context, token connection.Token, next gateway.Parts) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, open := s.under[token]
	switch {
	case s.err != nil:
		return s.err
	case !open:
		return gateway.ErrUnknownToken
	case there.next != nil:
		s.t.Errorf("%s is handed another event while one is under way", token)
	}
	part, more := next()
	ev, err := gateway.Encoded(part, func(ev event.Event) (event.Event, error) { return ev, nil })
	if err != nil || !more || ev.Service != event.ServiceTask || ev.Name != output.EventName {
		s.t.Errorf("%s is sent %+v (more: %t), %v", token, ev, more, err)
	}
	s.under[token] = &underWay{ev, next}
	return nil
}

// lose forgets what is under way.
func (s *sender) lose(token connection.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under[token].next = nil
}

// write writes what is under way, and returns it; ok is false if nothing is.
func (s *sender) write(token connection.Token) (p printed, ok bool) {
	synctest.Wait()
	s.mu.Lock()
	there := s.under[token]
	if there == nil || there.next == nil {
		s.mu.Unlock()
		return printed{}, false
	}
	next := there.next
	there.next = nil
	s.mu.Unlock()
	if part, more := next(); part != nil || more {
		s.t.Errorf("after %s there is another part", there.ev.Data)
	}
	return parse(s.t, there.ev), true
}

func parse(t *testing.T, ev event.Event) (p printed) {
	t.Helper()
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		t.Error(err)
	}
	p.data = ev.Data
	return p
}

// printed is an event as its client gets it.
type printed struct {
	TaskID task.ID `json:"task_id"`
	Offset int64   `json:"offset"`
	Text   string  `json:"text"`
	Gap    int64   `json:"gap"`
	Closed bool    `json:"closed"`
	data   json.RawMessage
}

// fixture is a Service over memory.
type fixture struct {
	*following.Service

	t        *testing.T
	sender   *sender
	registry *memregistry.Registry
	outputs  *outputs.Service
	store    *memoutput.Store
	tasks    *memtaskstore.Store
	log      *logs.Logs
}

type noLeases struct{}

func (noLeases) KeepLease(context.Context, task.ID, task.Lease) error { return nil }

// newFixture must be called in a bubble.
func newFixture(t *testing.T, cfg following.Config, control gateway.Control) *fixture {
	t.Helper()
	f := &fixture{
		t: t, sender: &sender{t: t, under: map[connection.Token]*underWay{}}, registry: memregistry.New(), log: &logs.Logs{},
		store: memoutput.New(memoutput.Config{Tail: output.MinTail}, slog.New(slog.DiscardHandler)), tasks: memtaskstore.New(),
	}
	if control == nil {
		control = memcontrol.New()
	}
	f.outputs = outputs.New(f.store, f.tasks, noLeases{})
	f.Service = following.New(cfg, following.Deps{Outputs: f.outputs, Registry: f.registry, Sender: f.sender, Control: control, Log: f.log.Logger()})
	t.Cleanup(func() {
		for range 2 {
			_ = f.Stop(context.WithoutCancel(t.Context()))
		}
		_ = f.outputs.Stop(context.WithoutCancel(t.Context()))
	})
	return f
}

func (f *fixture) starts(id task.ID) {
	f.t.Helper()
	if _, err := f.tasks.Create(f.t.Context(), task.Task{ID: id, Type: "t", Status: task.Running, Attempt: 1}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) ends(id task.ID) {
	f.t.Helper()
	t, err := f.tasks.Get(f.t.Context(), id)
	if err == nil {
		t.Status = task.Completed
		_, err = f.tasks.Update(f.t.Context(), t)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) prints(id task.ID, text string) {
	f.t.Helper()
	offset, err := f.store.Length(f.t.Context(), id)
	for err == nil && len(text) > 0 {
		size := min(len(text), output.MaxAppend)
		for !utf8.ValidString(text[:size]) {
			size--
		}
		offset, err = f.store.Append(f.t.Context(), id, offset, []byte(text[:size]))
		text = text[size:]
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// connects opens a stream, whose request_id is its token.
func (f *fixture) connects(token string) {
	f.t.Helper()
	f.sender.mu.Lock()
	f.sender.under[connection.Token(token)] = &underWay{}
	f.sender.mu.Unlock()
	if _, err := f.registry.Put(f.t.Context(), connection.Connection{RequestID: connection.RequestID(token), Token: connection.Token(token)}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) disconnects(token string) {
	f.t.Helper()
	f.sender.mu.Lock()
	delete(f.sender.under, connection.Token(token))
	f.sender.mu.Unlock()
	if _, err := f.registry.Remove(f.t.Context(), connection.Token(token)); err != nil {
		f.t.Fatal(err)
	}
	f.Ended(connection.Token(token))
}

func (f *fixture) follows(token string, id task.ID, offset int64) {
	f.t.Helper()
	if err := f.Follow(f.t.Context(), connection.RequestID(token), output.Followed{Task: id, Offset: offset}); err != nil {
		f.t.Fatal(err)
	}
}

// want has a stream write, and fails unless these events are what it writes.
func (f *fixture) want(token string, want ...string) {
	f.t.Helper()
	for _, w := range want {
		if p, ok := f.sender.write(connection.Token(token)); !ok || string(p.data) != w {
			f.t.Errorf("%s gets %s, want %s", token, p.data, w)
		}
	}
	if p, ok := f.sender.write(connection.Token(token)); ok {
		f.t.Errorf("%s also gets %.200s", token, p.data)
	}
}

func said(id string, offset int, text string) string {
	return fmt.Sprintf(`{"task_id":%q,"offset":%d,"text":%q}`, id, offset, text)
}

func ended(s string) string { return strings.TrimSuffix(s, "}") + `,"closed":true}` }
