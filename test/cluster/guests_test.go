package cluster_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// newGuests is a world of tabs that stay where they are as long as their streams
// last, some at each of the nodes.
func newGuests(t *testing.T, r *rig) *world {
	t.Helper()
	const tabs, seed = 12, 1
	w := &world{r: r, calm: make(chan struct{}), news: &announcer{r: r, random: rand.New(rand.NewPCG(seed, 0))}}
	stays := make(chan struct{})
	close(stays)
	for i := range tabs {
		w.tabs = append(w.tabs, &tab{
			name: fmt.Sprintf("guest-%d", i), urls: r.urls[:], random: rand.New(rand.NewPCG(seed, uint64(1000+i))),
			calm: stays, journal: r.journal,
		})
	}
	w.users = []*user{{name: "user", r: r, random: rand.New(rand.NewPCG(seed, 1)), rest: 400 * time.Millisecond, kinds: kinds[:2]}}
	w.begin(t)
	eventually(t, "a version waits for each page that comes later", func() error {
		if got := len(w.news.versions()); got <= len(laters) { // the last one may be under way
			return fmt.Errorf("%d were announced", got)
		}
		return nil
	})
	return w
}

// another is a user who does nothing by itself.
func (w *world) another(name string) *user {
	u := &user{name: name, r: w.r, random: rand.New(rand.NewPCG(2, uint64(len(w.users))))}
	w.users = append(w.users, u)
	return u
}

// here are the tabs that have a stream from a node.
func (w *world) here(node int) (tabs []*tab) {
	for _, b := range w.tabs {
		if at, live := b.at(); live && at == node {
			tabs = append(tabs, b)
		}
	}
	return tabs
}

// heard returns an error that names the tabs without such an event.
func heard(tabs []*tab, name, part string) (missing error) {
	for _, b := range tabs {
		if count(b, name, part) == 0 {
			missing = errors.Join(missing, fmt.Errorf("%s has heard of no %s with %s", b.name, name, part))
		}
	}
	return missing
}

// count is how often a tab got an event of that name with that in its data.
func count(b *tab, name, part string) (n int) {
	for _, events := range b.received().Streams {
		for _, e := range events {
			if e.Name == name && strings.Contains(e.Data, part) {
				n++
			}
		}
	}
	return n
}

// heartbeats is how many the tab's last stream has had.
func (b *tab) heartbeats() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, item := range b.streams[len(b.streams)-1].Items() {
		if item.Kind == sseclient.KindComment {
			n++
		}
	}
	return n
}

// mustHaveStayed requires that no client needed another stream.
func (w *world) mustHaveStayed(t *testing.T) {
	t.Helper()
	for _, b := range w.tabs {
		if n := len(b.received().Streams); n != 1 {
			t.Errorf("%s needed %d streams, want one that lives on", b.name, n)
		}
	}
}
