package cluster_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// One node looks at the version source for all. Whichever is killed, another does,
// and every page hears of the next version.
func TestOneNodeAsksForTheVersionAndAnotherTakesOver(t *testing.T) { // V8
	const interval, looks = 200 * time.Millisecond, 15
	var version, asked atomic.Int64
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = fmt.Fprintf(w, `{"version":"frontend-%d"}`, version.Load())
	}))
	t.Cleanup(source.Close)
	r := newRig(t, options{env: []string{
		"NODE_LEASE=3s", "SHUTDOWN_GRACE_PERIOD=4s", "FRONTEND_VERSION_FILE=", "FRONTEND_VERSION_URL=" + source.URL,
		"VERSION_POLL_INTERVAL=" + interval.String(),
	}})
	w := newGuests(t, r)
	close(w.calm)
	w.busy.Wait()
	known := func() error { return heard(w.tabs, "version", fmt.Sprintf(`"frontend-%d"`, version.Load())) }
	eventually(t, "all know the version", known)

	before := asked.Load()
	pause(t.Context(), looks*interval)
	if got := asked.Load() - before; got == 0 || got > 2*looks { // three nodes would ask three times as often
		t.Errorf("the source was asked %d times in %d intervals", got, looks)
	}
	for _, p := range r.nodes {
		p.kill()
		version.Add(1)
		eventually(t, "all know the new version without "+p.name, known)
		restart(t, []*process{p})
		eventually(t, "all nodes are ready", r.ready)
	}
}
