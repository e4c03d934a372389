package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"heliograph/test/cluster/check"
	"heliograph/test/sseclient"
)

// laters are request_ids of pages that are opened when all is over, and get the
// version that was announced for them then.
var laters = []string{"later-0", "later-1", "later-2"}

// announcer announces versions for pages that are not there, through any node.
type announcer struct {
	r      *rig
	random *rand.Rand

	mu     sync.Mutex
	posted []check.Posted // guarded by mu
}

// live goes on until calm is closed.
func (a *announcer) live(ctx context.Context, calm <-chan struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-calm:
			return
		default:
		}
		a.announce(ctx, laters[n%len(laters)], fmt.Sprintf("v%d", n))
		pause(ctx, time.Duration(a.random.Int64N(int64(time.Second))))
	}
}

// announce asks once. What is not accepted may have been done all the same.
func (a *announcer) announce(ctx context.Context, id, version string) {
	status := a.r.post(ctx, a.random.IntN(size), "/api/versions", "", fmt.Sprintf(`{"request_id":%q,"version":%q}`, id, version), nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.posted = append(a.posted, check.Posted{RequestID: id, Version: version, Accepted: status == http.StatusAccepted})
}

func (a *announcer) versions() []check.Posted {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.posted)
}

// pending opens a page for each request_id on each node and says which version it
// gets there.
func (r *rig) pending(ctx context.Context) (map[string]map[string]string, error) {
	pending := map[string]map[string]string{}
	for i, p := range r.nodes {
		pending[p.name] = map[string]string{}
		for _, id := range laters {
			version, err := r.versionOf(ctx, i, id)
			if err != nil {
				return nil, fmt.Errorf("version of %s on %s: %w", id, p.name, err)
			}
			pending[p.name][id] = version
		}
	}
	return pending, nil
}

func (r *rig) versionOf(ctx context.Context, node int, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	st, err := sseclient.New(r.urls[node] + "/api/sse/stream?request_id=" + id).Connect(ctx)
	if err != nil {
		return "", err
	}
	defer st.Close()
	item, err := st.Wait(ctx, func(i sseclient.Item) bool { return i.Event.Name == "version" })
	if err != nil {
		return "", err
	}
	var v struct{ Version string }
	err = json.Unmarshal([]byte(item.Event.Data), &v)
	return v.Version, err
}
