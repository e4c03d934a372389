package cluster_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/test/freeport"
	"heliograph/test/programs"
	"heliograph/test/sseclient"
)

// A loss of power takes what was not on the disk yet: here, what files have grown by
// since a moment, but for a torn record at the end of each. The service starts, has
// all up to that moment, and resets the clients that have seen more.
func TestPowerLossLosesOnlyWhatWasNotSynced(t *testing.T) { // G2, G3
	dir, r := t.TempDir(), newAlone(t)
	p := launch(t, program{name: "alone", argv: []string{programs.Raced(t, programs.Heliograph), "serve"}, tail: 15, env: []string{
		"HTTP_ADDR=" + strings.TrimPrefix(r.urls[0], "http://"), "DATA_DIR=" + dir,
		"FRONTEND_VERSION_FILE=/does/not/exist.json", "LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0",
	}})
	r.nodes = [size]*process{p, p, p}
	before, after := r.newClient("before"), r.newClient("after")

	eventually(t, "the service is ready", r.ready)
	old := r.oneTask(t, "old", before, after)
	p.kill()
	onDisk := sizes(t, dir)
	restart(t, []*process{p})
	eventually(t, "the service is ready", r.ready)
	young := r.oneTask(t, "young", after)
	p.kill()
	cutOff(t, dir, onDisk)
	restart(t, []*process{p})
	eventually(t, "the service is ready again", r.ready)

	states, err := r.states(t.Context(), 0)
	if err != nil || states[old].Status != "completed" || states[young].Status != "" {
		t.Errorf("the tasks are %v, %v; want %s, and not %s", states, err, old, young)
	}
	for c, want := range map[*sseclient.Client]int{before: 0, after: 1} {
		if got := r.resets(t, c); got != want {
			t.Errorf("G3: %d resets for a client at %v, want %d", got, c.LastID(), want)
		}
	}
	r.oneTask(t, "next", before, after)
}

// newAlone is a rig of one node, which is to be started at its URL.
func newAlone(t *testing.T) *rig {
	t.Helper()
	r := &rig{client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}, journal: newJournal(t)}
	t.Cleanup(r.client.CloseIdleConnections)
	url := "http://" + freeport.Addr(t)
	r.urls = [size]string{url, url, url}
	return r
}

func (r *rig) newClient(name string) *sseclient.Client {
	return sseclient.New(r.urls[0] + "/api/sse/stream?request_id=" + name)
}

// oneTask runs a task to its end, which all clients hear.
func (r *rig) oneTask(t *testing.T, key string, clients ...*sseclient.Client) (task string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	streams := make([]*sseclient.Stream, len(clients))
	for i, c := range clients {
		var err error
		if streams[i], err = c.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		defer streams[i].Close()
	}
	u := &user{name: "user", r: r, random: rand.New(rand.NewPCG(1, 0))}
	task = u.start(ctx, key, kinds[0])
	for _, st := range streams {
		if _, err := st.Wait(ctx, func(i sseclient.Item) bool {
			return strings.Contains(i.Event.Data, "task_completed") && strings.Contains(i.Event.Data, task)
		}); err != nil {
			t.Fatalf("the end of task %s: %v", key, err)
		}
	}
	return task
}

// resets is how many a client's next stream begins with.
func (r *rig) resets(t *testing.T, c *sseclient.Client) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	st, err := c.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.Wait(ctx, func(i sseclient.Item) bool { return i.Event.Name == "task_snapshot" }); err != nil {
		t.Fatal(err)
	}
	for _, e := range st.Events() {
		if e.Name == "stream_reset" {
			n++
		}
	}
	return n
}

// sizes are those of the files that only grow, by path.
func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".blk" {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// cutOff takes from each file what has come since it had that size, but for a few
// bytes.
func cutOff(t *testing.T, dir string, onDisk map[string]int64) {
	t.Helper()
	const torn = 7
	for path, now := range sizes(t, dir) {
		was, known := onDisk[path]
		switch {
		case !known:
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		case now > was+torn:
			if err := os.Truncate(path, was+torn); err != nil {
				t.Fatal(err)
			}
		}
	}
}
