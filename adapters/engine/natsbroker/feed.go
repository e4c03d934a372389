package natsbroker

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// gapTime is how long a follower waits for a message that others have come after. It is
	// there a moment later, unless its answer was lost or somebody else has written it.
	gapTime = 50 * time.Millisecond
	// lookInterval is how often a follower that gets nothing asks the server whether there
	// is something all the same.
	lookInterval = time.Second
	// feedMessages and feedBytes bound what waits for a follower. It reads from the server
	// what came beyond.
	feedMessages, feedBytes = 8192, 16 << 20
)

// feeds hands what this process writes to its own followers, once the server has taken it,
// so that the server need not send it back. That is for a server which this process has for
// itself. It is safe for concurrent use.
type feeds struct {
	closed chan struct{} // at the end of the broker
	once   sync.Once

	mu   sync.RWMutex
	open map[string][]*feed // by stream; nil: the server has other clients, there is no feed; guarded by mu
}

func newFeeds(alone bool) *feeds {
	f := &feeds{closed: make(chan struct{})}
	if alone {
		f.open = make(map[string][]*feed)
	}
	return f
}

// add returns the feed of a new follower, or nil if there are none.
func (f *feeds) add(stream string) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		return nil
	}
	one := &feed{waiting: make(map[uint64]Message), news: make(chan struct{}, 1)}
	f.open[stream] = append(slices.Clone(f.open[stream]), one)
	return one
}

func (f *feeds) remove(stream string, one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[stream] = slices.DeleteFunc(slices.Clone(f.open[stream]), func(other *feed) bool { return other == one })
}

// hand gives all followers of the stream a message that the server has taken.
func (f *feeds) hand(stream string, m Message) {
	f.mu.RLock()
	followers := f.open[stream]
	f.mu.RUnlock()
	for _, one := range followers {
		one.put(m)
	}
}

// doubt has all followers ask the server: a write had no answer.
func (f *feeds) doubt() {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, followers := range f.open {
		for _, one := range followers {
			one.setBehind()
		}
	}
}

// shut ends all followers.
func (f *feeds) shut() { f.once.Do(func() { close(f.closed) }) }

// feed is what this process has written to a stream and one follower has not got yet. It
// is safe for concurrent use, with one follower.
type feed struct {
	news chan struct{} // holds a token when there is something new

	mu      sync.Mutex
	last    uint64 // what is up to there is not for the follower any more; guarded by mu, as all below
	waiting map[uint64]Message
	bytes   int  // of waiting
	behind  bool // there is, or may be, what only the server has
}

func (f *feed) put(m Message) {
	f.mu.Lock()
	if _, there := f.waiting[m.Sequence]; !there && m.Sequence > f.last {
		if f.bytes += len(m.Data); len(f.waiting) < feedMessages && f.bytes <= feedBytes {
			f.waiting[m.Sequence] = m
		} else {
			f.forgetLocked()
		}
	}
	f.mu.Unlock()
	f.wake()
}

func (f *feed) setBehind() {
	f.mu.Lock()
	f.behind = true
	f.mu.Unlock()
	f.wake()
}

// forgetLocked leaves all to the server.
func (f *feed) forgetLocked() {
	clear(f.waiting)
	f.bytes, f.behind = 0, true
}

func (f *feed) wake() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// restart says that the follower is about to ask the server.
func (f *feed) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behind = false
}

// reached says that the follower has all that is up to that sequence.
func (f *feed) reached(last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = max(f.last, last)
	for seq, m := range f.waiting {
		if seq <= f.last {
			delete(f.waiting, seq)
			f.bytes -= len(m.Data)
		}
	}
}

// take appends to run what follows the last message without a gap. gap says that there is
// more, but not the next one.
func (f *feed) take(run []Message) (more []Message, gap, behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		m, ok := f.waiting[f.last+1]
		if !ok {
			return run, len(f.waiting) > 0, f.behind
		}
		f.last++
		delete(f.waiting, f.last)
		f.bytes -= len(m.Data)
		run = append(run, m)
	}
}

// follow calls handle with what is written, in order, until the follower must ask the
// server: newest is the sequence of the newest message there. Errors: ctx.Err(),
// nats.ErrConnectionClosed, jetstream.ErrStreamNotFound, those of handle.
func (f *feed) follow(ctx context.Context, closed <-chan struct{}, newest func(context.Context) (uint64, error), handle func(Message) error) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	late := time.NewTimer(gapTime)
	defer late.Stop()
	var run []Message
	const nowhere = math.MaxUint64
	waitsAt := uint64(nowhere) // where there is a gap that late was set for
	for quiet := true; ; {
		more, gap, behind := f.take(run[:0])
		for _, m := range more {
			if err := handle(m); err != nil {
				return err
			}
		}
		quiet = quiet && len(more) == 0
		clear(more) // so that it holds no payloads
		run = more
		if behind {
			return nil
		}
		if at := f.at(); gap && at != waitsAt {
			waitsAt = at
			late.Reset(gapTime)
		}
		select {
		case <-f.news:
		case <-late.C:
			if gap && f.at() == waitsAt {
				return nil
			}
			waitsAt = nowhere
		case <-look.C:
			if quiet {
				seq, err := newest(ctx)
				if errors.Is(err, jetstream.ErrStreamNotFound) {
					return err
				}
				if err == nil && seq != f.at() { // otherwise it is asked again
					return nil
				}
			}
			quiet = true
		case <-closed:
			return nats.ErrConnectionClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *feed) at() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}
