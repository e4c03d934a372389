package cluster_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// A node stands still for longer than its lease: another one ends its tasks, within
// a lease and a third of it. When it goes on, what it has to say of them is too late.
func TestPausedNodeOverwritesNothing(t *testing.T) { // T2, T11
	const lease, slack = 3 * time.Second, 20 * time.Second // a busy machine's
	r := newRig(t, options{env: []string{
		"NODE_LEASE=" + lease.String(), "SHUTDOWN_GRACE_PERIOD=4s", "TASK_CLEANUP_INTERVAL=24h", "TASK_RETENTION_COUNT=0",
	}})
	w := newGuests(t, r)
	u := w.another("starter")
	for i := range 2 * size { // some end while it stands still, and some do not
		u.start(t.Context(), fmt.Sprintf("long-%d", i), fmt.Sprintf(`{"type":"long_running_task","params":{"total_time":%d,"check_interval":0.2}}`, 4+8*(i%2)))
	}
	victim := w.busiest(t)
	p := r.nodes[victim]
	p.signal(syscall.SIGSTOP)
	begin := time.Now()
	others := append(w.here((victim+1)%size), w.here((victim+2)%size)...)
	eventually(t, "its tasks are given up", func() error { return heard(others, "task_event", "node_lost") })
	took := time.Since(begin)
	p.signal(syscall.SIGCONT)
	t.Logf("%s stood still; its tasks had ended after %s, a lease and a third are %s", p.name, took.Round(time.Millisecond), lease+lease/3)
	if took > lease+lease/3+slack {
		t.Errorf("its tasks were given up after %s", took)
	}
	w.settle(t)
	w.mustHaveStayed(t)
	if falls := p.fallen(); len(falls) > 0 {
		t.Errorf("%s ended by itself: %q", p.name, falls)
	}
}

// busiest waits until tasks run on some node where a tab is, and returns it.
func (w *world) busiest(t *testing.T) (node int) {
	t.Helper()
	eventually(t, "tasks run", func() (missing error) {
		most := 0
		for i := range w.r.nodes {
			m, err := w.r.metrics(t.Context(), i)
			missing = errors.Join(missing, err)
			if running := m["heliograph_tasks_running"]; running > most && len(w.here(i)) > 0 {
				node, most = i, running
			}
		}
		if most < 2 {
			missing = errors.Join(missing, errors.New("no node runs two tasks"))
		}
		return missing
	})
	return node
}
