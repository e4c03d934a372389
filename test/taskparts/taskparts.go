// Package taskparts has stand-ins for the ports that the parts of the task service use,
// for their tests.
package taskparts

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// NoMetrics is a task.Metrics that counts nothing.
type NoMetrics struct{}

// Ended implements task.Metrics.
func (NoMetrics) Ended(string, task.Status, time.Duration) {}

// LeaseLost implements task.Metrics.
func (NoMetrics) LeaseLost(string) {}

// Retried implements task.Metrics.
func (NoMetrics) Retried(string) {}

// Shutdown implements task.Metrics.
func (NoMetrics) Shutdown(int) {}

// SharedStore is a store that other nodes may change.
type SharedStore struct{ task.Store }

// Outlives implements task.Store.
func (SharedStore) Outlives() bool { return true }

// Events is an event.Publisher that keeps the task events that it takes. It is safe for
// concurrent use; its zero value is ready.
type Events struct {
	mu     sync.Mutex
	err    error             // guarded by mu
	errFor map[task.ID]error // guarded by mu
	events []task.Event      // guarded by mu
}

// Publish implements event.Publisher.
func (l *Events) Publish(_ context.Context, ev event.Event) (event.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e task.Event
	if err := errors.Join(json.Unmarshal(ev.Data, &e), l.err, l.errFor[e.TaskID]); err != nil {
		return event.ID{}, err
	}
	l.events = append(l.events, e)
	return event.ID{Epoch: "e", Seq: uint64(len(l.events))}, nil
}

// Fail has Publish fail from now on; nil ends that.
func (l *Events) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// FailFor has Publish fail for the events of a task from now on; nil ends that.
func (l *Events) FailFor(id task.ID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.errFor == nil {
		l.errFor = make(map[task.ID]error)
	}
	l.errFor[id] = err
}

// All returns all events.
func (l *Events) All() []task.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]task.Event(nil), l.events...)
}

// Types returns the types of all events of a task.
func (l *Events) Types(id task.ID) (types []task.EventType) {
	for _, e := range l.All() {
		if e.TaskID == id {
			types = append(types, e.Type)
		}
	}
	return types
}
