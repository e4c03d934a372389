// Package snapshots sends every stream that connects the unfinished tasks (rule T13).
package snapshots

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Observer makes snapshots, one at a time, and sends them. It is safe for concurrent
// use.
//
// All calls that ask while one is made share the next: a snapshot that was read before
// the call is too old for it. A call that asks while none is made makes it.
//
// A stream that takes long to read a snapshot in many parts goes on in the newest
// one, which is as good for it as that it began with. So one snapshot is in memory,
// and one more while it is made, however many streams read and however slowly.
type Observer struct {
	store    task.Store
	sender   gateway.Sender
	maxBytes int
	none     *gateway.Part // a snapshot without tasks, as most are
	turn     chan struct{} // holds one token while a snapshot is made

	mu     sync.Mutex
	next   *snapshot            // not begun yet, or nil; guarded by mu
	newest weak.Pointer[newest] // what streams read from; nil if none does; guarded by mu
}

// errUnmade is the error of a snapshot whose making came to no end.
var errUnmade = errors.New("snapshot was not made")

// snapshot is one reading of the store, which the calls that asked for it wait for.
type snapshot struct {
	done   chan struct{} // closed when the fields below are set
	newest *newest       // holds this snapshot's parts, or those of a later one; nil if it has none
	end    place         // of its last task
	err    error
}

// newest holds the parts of the newest snapshot for as long as a stream reads from
// it.
type newest struct{ parts atomic.Pointer[[]part] }

// part is a piece of a snapshot, with the place of its last task.
type part struct {
	*gateway.Part

	last place
}

// place orders tasks by their creation, as Store.List does.
type place struct {
	created time.Time
	id      task.ID
}

func placeOf(t *task.Task) place { return place{created: t.Created, id: t.ID} }

func (p place) compare(other place) int {
	return cmp.Or(p.created.Compare(other.created), cmp.Compare(p.id, other.id))
}

var _ connection.Observer = (*Observer)(nil)

// New returns an observer that reads the store. maxBytes bounds the payload of an
// event (rule E8).
func New(store task.Store, sender gateway.Sender, maxBytes int) *Observer {
	return &Observer{
		store: store, sender: sender, maxBytes: maxBytes, turn: make(chan struct{}, 1),
		none: gateway.NewPart(toSnapshot([]byte(`{"tasks":[]}`))),
	}
}

// Connected implements connection.Observer: it sends the connection a snapshot
// of every unfinished task, as it is after the call began (rule T13).
func (o *Observer) Connected(ctx context.Context, c connection.Connection) error {
	next, err := o.read(ctx)
	if err != nil {
		return fmt.Errorf("make a task snapshot: %w", err)
	}
	err = o.sender.SendParts(ctx, c.Token, next)
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // with that it left before its snapshot came
		return fmt.Errorf("send a task snapshot: %w", err)
	}
	return nil
}

// read returns the parts of a snapshot for one stream, of which none shows a time
// before the call. Streams share the parts. Errors: those of task.Store, ctx.Err().
func (o *Observer) read(ctx context.Context) (gateway.Parts, error) {
	shared, first := o.join()
	if first {
		o.arrange(context.WithoutCancel(ctx), shared) // shared: no single caller may end it
	}
	select {
	case <-shared.done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if shared.err != nil {
		return nil, shared.err
	}
	if shared.newest == nil {
		return o.nothing, nil
	}
	r := &reader{newest: shared.newest, none: o.none, end: shared.end}
	return r.next, nil
}

// nothing implements gateway.Parts for a snapshot without tasks.
func (o *Observer) nothing() (_ *gateway.Part, more bool) { return o.none, false }

// reader is how far one stream has read.
type reader struct {
	newest *newest
	none   *gateway.Part
	had    place // of the last task that it was given
	end    place // tasks after that were created after the stream began: the log has them
}

// next implements gateway.Parts. A part may begin with tasks that the stream was
// given before; their seq shows that.
func (r *reader) next() (_ *gateway.Part, more bool) {
	parts := *r.newest.parts.Load()
	i := sort.Search(len(parts), func(i int) bool { return parts[i].last.compare(r.had) > 0 })
	if i == len(parts) || r.had.compare(r.end) >= 0 {
		return r.none, false
	}
	r.had = parts[i].last
	return parts[i].Part, i < len(parts)-1
}

// join returns the snapshot that was not begun yet. The first call to
// have it must arrange it.
func (o *Observer) join() (next *snapshot, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next != nil {
		return o.next, false
	}
	o.next = &snapshot{done: make(chan struct{}), err: errUnmade}
	return o.next, true
}

// arrange makes shared, in a goroutine of its own if that has to wait.
func (o *Observer) arrange(ctx context.Context, shared *snapshot) {
	select {
	case o.turn <- struct{}{}:
		o.make(ctx, shared)
	default:
		go func() {
			o.turn <- struct{}{}
			o.make(ctx, shared)
		}()
	}
}

// make is called with the turn, and ends it.
func (o *Observer) make(ctx context.Context, shared *snapshot) {
	defer func() { // also if the store panics
		<-o.turn
		close(shared.done)
	}()
	o.mu.Lock()
	o.next = nil // a call from here on is too late for this one
	o.mu.Unlock()
	parts, err := o.list(ctx)
	if err != nil {
		shared.err = err
		return
	}
	shared.err = nil
	newest := o.replace(parts)
	if len(parts) > 0 {
		shared.newest, shared.end = newest, parts[len(parts)-1].last
	}
}

// replace makes parts those of the newest snapshot, for streams that read already, too.
// Without parts, and without such streams, it returns nil.
func (o *Observer) replace(parts []part) *newest {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.newest.Value()
	if n == nil {
		if len(parts) == 0 {
			return nil
		}
		n = new(newest)
		o.newest = weak.Make(n)
	}
	n.parts.Store(&parts)
	return n
}

// list reads the store, and encodes.
func (o *Observer) list(ctx context.Context) ([]part, error) {
	tasks, _, err := o.store.List(ctx, task.Query{Unfinished: true})
	if err != nil {
		return nil, err
	}
	pack := packer{maxBytes: o.maxBytes}
	for i := range slices.Backward(tasks) { // oldest first, as they will run
		if err := pack.add(&tasks[i]); err != nil {
			return nil, err
		}
	}
	pack.cut(false)
	return pack.parts, nil
}

// packer makes as few parts of tasks as their limits allow; all but the last say
// that there are more (rule E8).
type packer struct {
	maxBytes int
	parts    []part

	entries bytes.Buffer // of the part at hand, separated by commas
	written int          // bytes of them as a JSON string
	last    place
	entry   bytes.Buffer
}

func (p *packer) add(t *task.Task) error {
	p.entry.Reset()
	enc := json.NewEncoder(&p.entry)
	enc.SetEscapeHTML(false) // five bytes more for each of <, > and &
	if err := enc.Encode(t.InSnapshot()); err != nil {
		return err
	}
	entry := bytes.TrimSuffix(p.entry.Bytes(), []byte("\n"))
	written := event.Written(entry)
	if n := p.entries.Len(); n > 0 {
		if n+len(",")+len(entry)+len(snapshotMore) > p.maxBytes || p.written+written+2*len(snapshotMore) > event.MaxWritten {
			p.cut(true)
		} else {
			p.entries.WriteByte(',')
		}
	}
	p.entries.Write(entry)
	p.written += written + len(",")
	p.last = placeOf(t)
	return nil
}

// snapshotMore is what a part has beside its entries, at most.
const snapshotMore = `{"tasks":[],"more":true}`

// cut ends the part at hand, if it has anything.
func (p *packer) cut(more bool) {
	if p.entries.Len() == 0 {
		return
	}
	data := make([]byte, 0, p.entries.Len()+len(snapshotMore))
	data = append(append(data, `{"tasks":[`...), p.entries.Bytes()...)
	if more {
		data = append(data, `],"more":true}`...)
	} else {
		data = append(data, `]}`...)
	}
	p.parts = append(p.parts, part{Part: gateway.NewPart(toSnapshot(data)), last: p.last})
	p.entries.Reset()
	p.written = 0
}

func toSnapshot(data []byte) event.Event {
	return event.Event{Service: event.ServiceTask, Name: task.SnapshotName, Data: data}
}
