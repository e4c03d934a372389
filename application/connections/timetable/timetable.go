// Package timetable knows when the credentials of streams end, and says so a while before
// and at the end (rule A17).
package timetable

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"heliograph/domain/connection"
)

const (
	// maxWait is the longest time between two looks at the clock. Timers go on when
	// somebody sets the clock, and stop while the machine sleeps; what is due by the clock
	// is then noticed within this time.
	maxWait = time.Second
	// atOnce is how many entries are taken under the lock at a time.
	atOnce = 256
)

// Actions is what is done when it is time. Its methods are called by Serve, one at a
// time and outside any lock. The stream may have been renewed or have ended meanwhile.
type Actions interface {
	// Expiring says that the credential of a stream ends soon.
	Expiring(ctx context.Context, token connection.Token, expires time.Time)
	// Expired says that it has ended.
	Expired(ctx context.Context, token connection.Token)
}

// Timetable holds when the credentials of streams end. It uses one timer for all of them.
// It is safe for concurrent use.
type Timetable struct {
	notice time.Duration
	now    func() time.Time

	mu      sync.Mutex
	byToken map[connection.Token]*entry // guarded by mu, as all below
	due     entries                     // the same
	changed chan struct{}               // gets a value when another entry has become the first
}

// entry is when the credential of one stream ends.
type entry struct {
	token   connection.Token
	expires time.Time
	due     time.Time // when something is to be said: the notice, and after it the end
	place   int       // in Timetable.due
}

// New returns an empty Timetable, which says so for notice before the end; with 0 it
// does not.
func New(notice time.Duration) *Timetable {
	return &Timetable{notice: notice, now: time.Now, byToken: make(map[connection.Token]*entry), changed: make(chan struct{}, 1)}
}

// Set enters when the credential of a stream ends, or changes it when that was renewed.
// The zero time is never.
func (t *Timetable) Set(token connection.Token, expires time.Time) {
	if expires.IsZero() {
		t.Remove(token)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.byToken[token]
	if !known {
		e = &entry{token: token}
		t.byToken[token] = e
	}
	if e.expires, e.due = expires, expires.Add(-t.notice); known {
		heap.Fix(&t.due, e.place)
	} else {
		heap.Push(&t.due, e)
	}
	if e.place == 0 {
		select {
		case t.changed <- struct{}{}:
		default:
		}
	}
}

// Remove takes a stream out, if it is there.
func (t *Timetable) Remove(token connection.Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, known := t.byToken[token]; known {
		delete(t.byToken, token)
		heap.Remove(&t.due, e.place)
	}
}

// Serve calls actions until ctx ends, which is no error. It may be called once.
func (t *Timetable) Serve(ctx context.Context, actions Actions) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-t.changed:
		case <-ctx.Done():
			return
		}
		if wait, some := t.act(ctx, actions); some {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// act calls actions for all that is due, and returns how long to wait for the next
// entry, if there is one.
func (t *Timetable) act(ctx context.Context, actions Actions) (wait time.Duration, some bool) {
	for ctx.Err() == nil {
		due, wait, some := t.take()
		for _, d := range due {
			if d.ended {
				actions.Expired(ctx, d.token)
			} else {
				actions.Expiring(ctx, d.token, d.expires)
			}
		}
		if len(due) < atOnce {
			return wait, some
		}
	}
	return 0, false
}

// taken is an entry that is due.
type taken struct {
	token   connection.Token
	expires time.Time
	ended   bool
}

// take returns some of what is due, and how long to wait for the next entry. An entry
// that has ended leaves the timetable; any other one that was due waits for its end.
func (t *Timetable) take() (due []taken, wait time.Duration, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for len(t.due) > 0 {
		e := t.due[0]
		if wait := e.due.Sub(now); wait > 0 {
			return due, min(wait, maxWait), true
		}
		if len(due) == atOnce {
			return due, 0, true
		}
		ended := !now.Before(e.expires)
		due = append(due, taken{e.token, e.expires, ended})
		if ended {
			heap.Pop(&t.due)
			delete(t.byToken, e.token)
		} else {
			e.due = e.expires
			heap.Fix(&t.due, 0)
		}
	}
	return due, 0, false
}

// entries is a heap, those that are due first in front.
type entries []*entry //nolint:recvcheck // as container/heap wants it

func (h entries) Len() int           { return len(h) }
func (h entries) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h entries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *entries) Push(x any) {
	e := x.(*entry) //nolint:forcetypeassert // heap.Push is called with these only
	e.place = len(*h)
	*h = append(*h, e)
}

func (h *entries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
