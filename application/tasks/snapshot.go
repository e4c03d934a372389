package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Connected implements connection.Observer: it sends the connection a snapshot
// of every unfinished task, as it is after the call began (rule T13).
func (s *Service) Connected(ctx context.Context, c connection.Connection) error {
	events, err := s.snapshots.current(ctx)
	if err != nil {
		return fmt.Errorf("make a task snapshot: %w", err)
	}
	for _, ev := range events {
		err := s.sender.Send(ctx, c.Token, ev)
		if errors.Is(err, gateway.ErrUnknownToken) {
			return nil // it left before its snapshot came
		}
		if err != nil {
			return fmt.Errorf("send a task snapshot: %w", err)
		}
	}
	return nil
}

// snapshots makes snapshots, one at a time. All who ask while one is made share
// the next: a snapshot that was read before somebody asked is too old for them.
// Whoever asks while none is made makes it.
type snapshots struct {
	store    task.Store
	maxBytes int
	turn     chan struct{} // holds one token while a snapshot is made

	mu   sync.Mutex
	next *snapshot // not begun yet, or nil; guarded by mu
}

// errUnmade is the error of a snapshot whose making came to no end.
var errUnmade = errors.New("snapshot was not made")

// snapshot is one reading of the store, encoded.
type snapshot struct {
	done   chan struct{} // closed when the fields below are set
	events []event.Event
	err    error
}

func newSnapshots(store task.Store, maxBytes int) *snapshots {
	return &snapshots{store: store, maxBytes: maxBytes, turn: make(chan struct{}, 1)}
}

// current returns events of which none tells of a time before the call. Callers
// share them. Errors: those of task.Store, ctx.Err().
func (s *snapshots) current(ctx context.Context) ([]event.Event, error) {
	shared, first := s.join()
	if first {
		s.arrange(context.WithoutCancel(ctx), shared) // shared: no single caller may end it
	}
	select {
	case <-shared.done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return shared.events, shared.err
}

// join returns the snapshot that was not begun yet. Whoever is the first to
// have it must arrange it.
func (s *snapshots) join() (next *snapshot, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return s.next, false
	}
	s.next = &snapshot{done: make(chan struct{}), err: errUnmade}
	return s.next, true
}

// arrange makes shared, in a goroutine of its own if that has to wait.
func (s *snapshots) arrange(ctx context.Context, shared *snapshot) {
	select {
	case s.turn <- struct{}{}:
		s.make(ctx, shared)
	default:
		go func() {
			s.turn <- struct{}{}
			s.make(ctx, shared)
		}()
	}
}

// make is called by whoever has the turn, and ends it.
func (s *snapshots) make(ctx context.Context, shared *snapshot) {
	defer func() { // also if the store panics
		<-s.turn
		close(shared.done)
	}()
	s.mu.Lock()
	s.next = nil // whoever asks from here on is too late for this one
	s.mu.Unlock()
	shared.events, shared.err = s.read(ctx)
}

func (s *snapshots) read(ctx context.Context) ([]event.Event, error) {
	tasks, _, err := s.store.List(ctx, task.Query{Unfinished: true})
	if err != nil {
		return nil, err
	}
	slices.Reverse(tasks) // oldest first, as they will run
	entries := make([]task.SnapshotTask, len(tasks))
	for i, t := range tasks {
		entries[i] = t.InSnapshot()
	}
	return split(entries, s.maxBytes)
}

// split makes as few events of the entries as fit into maxBytes each, at least
// one; all but the last say that there are more (rule E8).
func split(entries []task.SnapshotTask, maxBytes int) ([]event.Event, error) {
	var events []event.Event
	for {
		n, err := fitting(entries, maxBytes)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(task.Snapshot{Tasks: entries[:n], More: n < len(entries)})
		if err != nil {
			return nil, err
		}
		events = append(events, event.Event{Service: event.ServiceTask, Name: task.SnapshotName, Data: data})
		if entries = entries[n:]; len(entries) == 0 {
			return events, nil
		}
	}
}

// fitting returns how many entries one event takes: all, or at least one.
func fitting(entries []task.SnapshotTask, maxBytes int) (n int, err error) {
	size := len(`{"tasks":[],"more":true}`)
	for n = range entries {
		entry, err := json.Marshal(entries[n])
		if err != nil {
			return 0, err
		}
		if size += len(entry) + len(","); size > maxBytes && n > 0 {
			return n, nil
		}
	}
	return len(entries), nil
}
