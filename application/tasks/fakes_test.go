package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// sent is a task_event as a client reads it.
type sent struct {
	Type      task.EventType  `json:"event_type"`
	TaskID    task.ID         `json:"task_id"`
	Timestamp string          `json:"timestamp"`
	Seq       uint64          `json:"seq"`
	Attempt   int             `json:"attempt"`
	Data      json.RawMessage `json:"data"`
	Truncated bool            `json:"truncated"`

	size     int              // of the payload
	key      string           // of the event
	audience *access.Audience // of the event
	record   task.Task        // when the event went out
}

// wire is an event.Publisher that records task events.
type wire struct {
	store task.Store
	slow  func() time.Duration // how long a Publish takes; nil is no time

	mu     sync.Mutex
	err    error             // guarded by mu
	events []sent            // guarded by mu
	wrong  []string          // events that are not for their task's audience (A12); guarded by mu
	again  []sent            // events that were published before; guarded by mu
	orders map[string]uint64 // the newest of each topic; guarded by mu
}

func (w *wire) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if w.slow != nil {
		<-time.After(w.slow())
	}
	if err := errors.Join(ctx.Err(), ev.Validate(), w.broken()); err != nil {
		return event.ID{}, err
	}
	e := sent{size: len(ev.Data), key: ev.Key, audience: ev.Audience}
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return event.ID{}, err
	}
	var err error
	e.record, err = w.store.Get(ctx, e.TaskID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && !cmp.Equal(ev.Audience, e.record.Audience) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s of %s is for %v, its task for %v", e.Type, e.TaskID, ev.Audience, e.record.Audience))
	}
	if w.orders == nil {
		w.orders = make(map[string]uint64)
	}
	if ev.Order == w.orders[ev.Topic] {
		w.again = append(w.again, e)
		return event.ID{}, nil // it has been taken
	}
	if ev.Order < w.orders[ev.Topic] {
		return event.ID{}, event.ErrStale
	}
	w.orders[ev.Topic] = ev.Order
	w.events = append(w.events, e)
	return event.ID{Epoch: "e", Seq: uint64(len(w.events))}, err
}

// misled returns what is wrong with the audiences of the events.
func (w *wire) misled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wrong)
}

// breaks has every Publish fail from now on, or none.
func (w *wire) breaks(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *wire) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *wire) of(id task.ID) (events []sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.TaskID == id {
			events = append(events, e)
		}
	}
	return events
}

// outbox is a gateway.Sender that records private events by token.
type outbox struct {
	gateway.Sender

	mu     sync.Mutex
	events map[connection.Token][]event.Event // guarded by mu
}

// SendParts takes all parts at once.
func (o *outbox) SendParts(_ context.Context, token connection.Token, next gateway.Parts) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.events == nil {
		o.events = make(map[connection.Token][]event.Event)
	}
	for more := true; more; {
		var part *gateway.Part
		part, more = next()
		ev, err := gateway.Encoded(part, func(ev event.Event) (event.Event, error) { return ev, nil })
		if err != nil {
			return err
		}
		o.events[token] = append(o.events[token], ev)
	}
	return nil
}

func (o *outbox) of(token connection.Token) []event.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.events[token])
}

// strictStore fails the test when a record takes a way that rule T2 has not.
type strictStore struct {
	task.Store
	t    *testing.T
	wire *wire

	mu     sync.Mutex
	undone map[task.ID]uint64 // numbers that a beginning which was undone took; guarded by mu
}

// tookBack returns how many numbers of a task's events were used by beginnings of
// the first attempt that were undone: the first event has the next one.
func (s *strictStore) tookBack(id task.ID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.undone[id]
}

func (s *strictStore) noteUndone(before, after task.Task) {
	if before.Status != task.Running || after.Status != task.Pending || len(s.wire.of(after.ID)) > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undone == nil {
		s.undone = make(map[task.ID]uint64)
	}
	s.undone[after.ID] += 2
}

func (s *strictStore) Update(ctx context.Context, after task.Task) (task.Task, error) {
	before, err := s.Get(ctx, after.ID)
	if err != nil || before.Revision != after.Revision {
		return s.Store.Update(ctx, after)
	}
	marked := before
	marked.FinalEventPending, marked.Node = after.FinalEventPending, after.Node
	if after.Removed && !before.Removed && (!before.FinalEventPending || before.Node == after.Node) { // the node that has published it knows
		marked.Removed, marked.Seq = true, before.Seq+1
	}
	if before.Status.Terminal() && !cmp.Equal(marked, after) || before.Status != after.Status && !before.Status.CanBecome(after.Status) {
		s.t.Errorf("T2: %s went from %s to %s", after.ID, before.Status, after.Status)
	}
	if after.Seq < before.Seq {
		s.t.Errorf("T3: the seq of %s went from %d to %d", after.ID, before.Seq, after.Seq)
	}
	stored, err := s.Store.Update(ctx, after)
	if err == nil {
		s.noteUndone(before, after)
	}
	return stored, err
}

// metrics records what is reported to task.Metrics.
type metrics struct {
	mu       sync.Mutex
	ended    map[task.Status]int // guarded by mu
	ran      time.Duration       // of the last one; guarded by mu
	lost     int                 // guarded by mu
	retried  int                 // guarded by mu
	shutdown []int               // guarded by mu
}

func (m *metrics) Ended(_ string, outcome task.Status, ran time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == nil {
		m.ended = make(map[task.Status]int)
	}
	m.ended[outcome]++
	m.ran = ran
}

func (m *metrics) Retried(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retried++
}

func (m *metrics) LeaseLost(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost++
}

func (m *metrics) Shutdown(active int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shutdown = append(m.shutdown, active)
}
