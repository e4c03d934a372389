// Package metricscontract holds what every implementation of the metrics ports
// connection.Metrics, gateway.Metrics and task.Metrics must do: what was
// reported can be read again, in its place and nowhere else.
package metricscontract

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Subject is one set of metrics, with nothing reported yet.
type Subject struct {
	Connections connection.Metrics
	Gateway     gateway.Metrics
	Tasks       task.Metrics
	// Read returns what an operator would see now.
	Read func(t *testing.T) Reading
}

// Reading is what the metrics say.
type Reading struct {
	Connects, Disconnects, Active int
	Sent                          map[event.Service]Sent
	// Ended is how many tasks of a type ended so, Ran how many of them ran at all.
	Ended    func(typ string, outcome task.Status) int
	Ran      func(typ string) int
	Shutdown int
	// Lost is how many leases of a type were lost.
	Lost func(typ string) int
	// Retried is how many attempts at tasks of a type were followed by another.
	Retried func(typ string) int
}

// Sent is what was sent for one service.
type Sent struct {
	OK, Failed int
	Timed      int     // durations observed
	Time       float64 // their sum in seconds
}

// Run proves the contract. fresh returns a new Subject for each test.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Run("C9 connects minus disconnects is the number of active connections", func(t *testing.T) {
		activeConnections(t, fresh(t))
	})
	t.Run("M1 events are counted by service and outcome", func(t *testing.T) { events(t, fresh(t)) })
	t.Run("M2 durations are observed by service", func(t *testing.T) { durations(t, fresh(t)) })
	t.Run("tasks are counted by type and outcome, and only those that ran are timed", func(t *testing.T) {
		tasks(t, fresh(t))
	})
	t.Run("lost leases are counted by type", func(t *testing.T) { leases(t, fresh(t)) })
	t.Run("T18 attempts that are followed by another are counted by type", func(t *testing.T) { retries(t, fresh(t)) })
	t.Run("T15 the number of active tasks at shutdown is kept", func(t *testing.T) { shutdown(t, fresh(t)) })
	t.Run("nothing is lost when many report at once", func(t *testing.T) { concurrently(t, fresh(t)) })
}

func activeConnections(t *testing.T, s Subject) {
	for range 3 {
		s.Connections.Connected()
	}
	s.Connections.Disconnected()
	r := s.Read(t)
	if r.Connects != 3 || r.Disconnects != 1 || r.Active != 2 {
		t.Errorf("after 3 connects and 1 disconnect: %d, %d and %d active", r.Connects, r.Disconnects, r.Active)
	}
}

func events(t *testing.T, s Subject) {
	s.Gateway.Sent(event.ServiceTask, 5, 2)
	s.Gateway.Sent(event.ServiceTask, 1, 0)
	s.Gateway.Sent(event.ServiceVersion, 0, 4)
	s.Gateway.Sent(event.ServiceApp, 7, 0) // E11
	want := map[event.Service]Sent{event.ServiceTask: {OK: 6, Failed: 2}, event.ServiceVersion: {Failed: 4}, event.ServiceApp: {OK: 7}}
	compare(t, want, s)
}

func durations(t *testing.T, s Subject) {
	s.Gateway.Took(event.ServiceVersion, 250*time.Millisecond)
	s.Gateway.Took(event.ServiceVersion, time.Second)
	want := map[event.Service]Sent{event.ServiceTask: {}, event.ServiceVersion: {Timed: 2, Time: 1.25}, event.ServiceApp: {}}
	compare(t, want, s)
}

func compare(t *testing.T, want map[event.Service]Sent, s Subject) {
	t.Helper()
	if diff := cmp.Diff(want, s.Read(t).Sent, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func tasks(t *testing.T, s Subject) {
	s.Tasks.Ended("a", task.Completed, time.Second)
	s.Tasks.Ended("a", task.Failed, time.Second)
	s.Tasks.Ended("b", task.Cancelled, 0)
	r := s.Read(t)
	for _, c := range []struct {
		typ     string
		outcome task.Status
		want    int
	}{
		{"a", task.Completed, 1},
		{"a", task.Failed, 1},
		{"a", task.Cancelled, 0},
		{"b", task.Cancelled, 1},
	} {
		if got := r.Ended(c.typ, c.outcome); got != c.want {
			t.Errorf("%d tasks of type %s are %s, want %d", got, c.typ, c.outcome, c.want)
		}
	}
	if a, b := r.Ran("a"), r.Ran("b"); a != 2 || b != 0 {
		t.Errorf("timed %d of type a and %d of type b, want 2 and 0", a, b)
	}
}

func leases(t *testing.T, s Subject) {
	s.Tasks.LeaseLost("a")
	s.Tasks.LeaseLost("a")
	if r := s.Read(t); r.Lost("a") != 2 || r.Lost("b") != 0 {
		t.Errorf("%d and %d leases were lost, want 2 and 0", r.Lost("a"), r.Lost("b"))
	}
}

func retries(t *testing.T, s Subject) {
	s.Tasks.Retried("a")
	s.Tasks.Retried("a")
	if r := s.Read(t); r.Retried("a") != 2 || r.Retried("b") != 0 {
		t.Errorf("%d and %d attempts were followed by another, want 2 and 0", r.Retried("a"), r.Retried("b"))
	}
}

func shutdown(t *testing.T, s Subject) {
	s.Tasks.Shutdown(7)
	if got := s.Read(t).Shutdown; got != 7 {
		t.Errorf("%d tasks were active at shutdown, want 7", got)
	}
}

func concurrently(t *testing.T, s Subject) {
	const reporters, reports = 8, 100
	var all sync.WaitGroup
	for range reporters {
		all.Go(func() {
			for range reports {
				s.Connections.Connected()
				s.Gateway.Sent(event.ServiceTask, 1, 1)
				s.Tasks.Ended("a", task.Completed, time.Second)
			}
		})
	}
	all.Wait()
	r, want := s.Read(t), reporters*reports
	if got := r.Ended("a", task.Completed); r.Active != want || r.Sent[event.ServiceTask].OK != want || got != want {
		t.Errorf("of %d each, %d connections, %d events, %d tasks were counted", want, r.Active, r.Sent[event.ServiceTask].OK, got)
	}
}
