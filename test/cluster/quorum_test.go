package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"heliograph/test/sseclient"
)

// With one NATS server left of three nothing can be written: no client is sent away,
// those who come are asked to come again, and what could not be begun says so. Then
// all three are killed at once, which loses nothing either.
func TestNothingIsLostWithoutANATSMajority(t *testing.T) { // C3, G2, G8, S3, T14
	r := newRig(t, options{env: []string{
		"NODE_LEASE=10s", "SHUTDOWN_GRACE_PERIOD=4s", "SSE_HEARTBEAT_INTERVAL=500ms", "TASK_CLEANUP_INTERVAL=24h", "TASK_RETENTION_COUNT=0",
	}})
	w := newGuests(t, r)
	u := w.another("starter")
	before := u.start(t.Context(), "before", kinds[0])

	lost := []*process{r.servers[0], r.servers[1]}
	for _, p := range lost {
		p.kill()
	}
	eventually(t, "no node is ready", r.unready)
	const key = "during"
	patient := &rig{urls: r.urls, client: &http.Client{Transport: r.client.Transport, Timeout: waitLimit}} // two of its questions may get no answer
	if status := patient.post(t.Context(), 0, "/api/tasks", key, kinds[0], nil); status != http.StatusServiceUnavailable {
		t.Errorf("S3: a task is started with status %d, want 503", status)
	}
	var asked sync.WaitGroup
	for i := range r.nodes {
		asked.Go(func() { r.mustBeAskedToComeAgain(t, i) })
	}
	asked.Wait()
	beats := map[*tab]int{}
	for _, b := range w.tabs {
		beats[b] = b.heartbeats()
	}
	eventually(t, "streams have heartbeats", func() (missing error) {
		for b, had := range beats {
			if b.heartbeats() == had {
				missing = errors.Join(missing, errors.New(b.name))
			}
		}
		return missing
	})
	restart(t, lost)
	eventually(t, "all nodes are ready", r.ready)
	u.start(t.Context(), key, kinds[0])

	for _, p := range r.servers {
		p.kill()
	}
	restart(t, r.servers[:])
	eventually(t, "all nodes are ready", r.ready)
	if again := u.start(t.Context(), "before", kinds[1]); again != before {
		t.Errorf("T14: key \"before\" has started %s, and %s before NATS was killed", again, before)
	}
	w.settle(t)
	w.mustHaveStayed(t)
	for _, p := range r.nodes {
		if falls := p.fallen(); len(falls) > 0 {
			t.Errorf("%s ended by itself: %q", p.name, falls)
		}
	}
}

func restart(t *testing.T, all []*process) {
	t.Helper()
	for _, p := range all {
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
	}
}

// unready says which nodes are ready.
func (r *rig) unready() (missing error) {
	for i, url := range r.urls {
		resp, err := r.client.Get(url + "/readyz")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			missing = errors.Join(missing, fmt.Errorf("%s says %s", r.nodes[i].name, resp.Status))
		}
	}
	return missing
}

// mustBeAskedToComeAgain opens a stream that ends at once with nothing but a retry:
// anything else would make an EventSource give up.
func (r *rig) mustBeAskedToComeAgain(t *testing.T, node int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	st, err := sseclient.New(r.urls[node] + "/api/sse/stream?request_id=newcomer").Connect(ctx)
	if err != nil {
		t.Errorf("G8: %s: %s", r.nodes[node].name, err)
		return
	}
	<-st.Done()
	if items := st.Items(); len(items) != 1 || items[0].Kind != sseclient.KindRetry || !st.EndedCleanly() {
		t.Errorf("G8: %s says %+v and ends with %v, want a retry and the end", r.nodes[node].name, items, st.Err())
	}
}
