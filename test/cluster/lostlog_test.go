package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A node is cut off until the log has dropped what it has not got. It says so and
// is started anew; its browsers are reset, once, and no others are.
func TestNodeBehindTheLogResetsItsStreams(t *testing.T) { // G3
	const retained = 2 * 64 << 10 // SSE_HISTORY_BYTES, and as much for what NATS adds
	r := newRig(t, options{env: []string{
		"NODE_LEASE=10s", "SHUTDOWN_GRACE_PERIOD=4s", "SSE_DRAIN_SPREAD=1s", "SSE_MAX_EVENT_BYTES=16KiB", "SSE_HISTORY_BYTES=64KiB",
	}})
	w := newGuests(t, r)
	close(w.calm) // their tasks and versions would be among what is dropped
	w.busy.Wait()
	r.mustAnnounce(t, 1, "first", "")
	eventually(t, "all have heard it", func() error { return heard(w.tabs, "version", `"first"`) })

	behind := w.here(0)
	for _, l := range r.toServer[0] {
		l.Cut()
		l.Break() // what is under way would still arrive
	}
	const pad = 13 << 10
	for i := range 2 * retained / pad {
		r.mustAnnounce(t, 1+i%2, fmt.Sprintf("v%d", i), strings.Repeat("x", pad))
	}
	for _, l := range r.toServer[0] {
		l.Heal()
	}
	eventually(t, "clients that were behind are reset", func() error { return heard(behind, "stream_reset", "") })
	eventually(t, "all have a stream", w.open)
	r.mustAnnounce(t, 1, "last", "")
	eventually(t, "all have heard the last one", func() error { return heard(w.tabs, "version", `"last"`) })
	if falls := r.nodes[0].fallen(); len(falls) != 1 || !strings.Contains(falls[0], "exit status 1") {
		t.Errorf("h1 ended by itself so: %q, want exit status 1 once", falls)
	}
	w.mustBeReset(t, behind, "expired")
}

// The log is deleted: the nodes stop and begin a new one, and each browser is
// reset once. Tasks are not in the log.
func TestDeletedLogIsCreatedAgain(t *testing.T) { // G3, T11
	r := newRig(t, options{env: []string{"NODE_LEASE=10s", "SHUTDOWN_GRACE_PERIOD=4s", "SSE_DRAIN_SPREAD=1s"}})
	w := newGuests(t, r)
	close(w.calm)
	w.busy.Wait()
	task := w.another("starter").start(t.Context(), "key", kinds[0])
	eventually(t, "all have heard its end", func() error { return heard(w.tabs, "task_event", "task_completed\",\"task_id\":\""+task) })

	r.deleteStream(t, "heliograph_events")
	r.mustBeStartedAnew(t)
	eventually(t, "all have a stream", w.open)
	r.mustAnnounce(t, 0, "new", "")
	eventually(t, "all have heard the new log", func() error { return heard(w.tabs, "version", `"new"`) })
	w.mustBeReset(t, w.tabs, "epoch")
	for i := range r.nodes {
		if states, err := r.states(t.Context(), i); err != nil || states[task].Status != "completed" {
			t.Errorf("T11: the task is %q on %s, %v", states[task].Status, r.nodes[i].name, err)
		}
	}
}

// The tasks are deleted: the nodes stop, and begin without them.
func TestDeletedBucketIsCreatedAgain(t *testing.T) { // G2, T1
	r := newRig(t, options{env: []string{"NODE_LEASE=10s", "SHUTDOWN_GRACE_PERIOD=4s", "SSE_DRAIN_SPREAD=1s"}})
	w := newGuests(t, r)
	close(w.calm)
	w.busy.Wait()
	u := w.another("starter")
	old := u.start(t.Context(), "old", kinds[1])
	r.deleteStream(t, "KV_heliograph_tasks")
	r.mustBeStartedAnew(t)
	eventually(t, "all have a stream", w.open)
	task := u.start(t.Context(), "new", kinds[0])
	eventually(t, "all have heard its end", func() error { return heard(w.tabs, "task_event", "task_completed\",\"task_id\":\""+task) })
	for i := range r.nodes {
		if states, err := r.states(t.Context(), i); err != nil || len(states) != 1 || states[task].Status != "completed" {
			t.Errorf("the tasks are %v on %s, %v; want %s, and not %s", states, r.nodes[i].name, err, task, old)
		}
	}
	for _, b := range w.tabs {
		if n := count(b, "stream_reset", ""); n > 0 {
			t.Errorf("G2: %s got %d resets, though the log is there", b.name, n)
		}
	}
}

// mustBeStartedAnew waits until all nodes have stopped by themselves and are back.
func (r *rig) mustBeStartedAnew(t *testing.T) {
	t.Helper()
	eventually(t, "all nodes have stopped and are ready", func() (missing error) {
		for _, p := range r.nodes {
			if len(p.fallen()) == 0 {
				missing = errors.Join(missing, fmt.Errorf("%s has not noticed", p.name))
			}
		}
		return errors.Join(missing, r.ready())
	})
	for _, p := range r.nodes {
		if falls := p.fallen(); len(falls) != 1 || falls[0] != "exit status 1" {
			t.Errorf("%s ended by itself so: %q, want exit status 1 once", p.name, falls)
		}
	}
}

// mustAnnounce has a node announce a version, however often it takes.
func (r *rig) mustAnnounce(t *testing.T, node int, version, pad string) {
	t.Helper()
	body := fmt.Sprintf(`{"request_id":"nobody","version":%q,"pad":%q}`, version, pad)
	eventually(t, "version "+version+" is announced", func() error {
		if status := r.post(t.Context(), node, "/api/versions", "", body, nil); status != http.StatusAccepted {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
}

// mustBeReset requires one stream_reset for each of those tabs, and none for others.
func (w *world) mustBeReset(t *testing.T, tabs []*tab, reason string) {
	t.Helper()
	want := map[*tab]int{}
	for _, b := range tabs {
		want[b] = 1
	}
	for _, b := range w.tabs {
		if all, got := count(b, "stream_reset", ""), count(b, "stream_reset", `"`+reason+`"`); all != want[b] || got != want[b] {
			t.Errorf("G3: %s got %d resets, %d of them %s, want %d", b.name, all, got, reason, want[b])
		}
	}
	if len(tabs) == 0 {
		t.Error("no stream was open")
	}
}

// open says which tabs have no stream.
func (w *world) open() (missing error) {
	for _, b := range w.tabs {
		if _, live := b.at(); !live {
			missing = errors.Join(missing, fmt.Errorf("%s has no stream", b.name))
		}
	}
	return missing
}

// deleteStream does what no node would.
func (r *rig) deleteStream(t *testing.T, name string) {
	t.Helper()
	nc, err := nats.Connect(natsURLs(r.toServer[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}
