// Package check checks what the clients of a cluster got: whether anything
// is missing, came twice or out of turn, and whether all that was said agrees with
// what the store says in the end. It knows the events' format and rules, and
// nothing of how they came about.
package check

import (
	"fmt"
	"strconv"
	"strings"

	"heliograph/test/sseclient"
)

// Names of events.
const (
	taskEvent    = "task_event"    // always a log event
	taskSnapshot = "task_snapshot" // always a private event
	streamReset  = "stream_reset"
)

// Place is one in the log. The zero Place is before the first.
type Place struct {
	Epoch string
	Seq   uint64
}

func (p Place) String() string { return p.Epoch + "-" + strconv.FormatUint(p.Seq, 10) }

func (p Place) next() Place { return Place{p.Epoch, p.Seq + 1} }

// parse reads an event's ID.
func parse(id string) (p Place, err error) {
	epoch, seq, ok := strings.Cut(id, "-")
	if !ok {
		return p, fmt.Errorf("the ID %q is no place", id)
	}
	p.Epoch = epoch
	p.Seq, err = strconv.ParseUint(seq, 10, 64)
	return p, err
}

// Reader follows what one client gets, over all of its streams. It relies on a
// log without holes: what follows a place has the next sequence. The zero value is
// a client that has not heard anything. It is not safe for concurrent use.
type Reader struct {
	// External says that an external gateway holds the streams. They may be reset
	// amid their events, since nodes come and go meanwhile, and left out is what was
	// conflated (rule E10): see Skipped.
	External bool
	// At is the place of the newest event that it got.
	At Place
	// Resets counts the streams that began with a reset.
	Resets int
	// Skipped are the places that were left out, with External.
	Skipped []Place
	// Wrong is what must not be, each with its rule.
	Wrong []string

	begun bool // the stream has said something with an ID
}

// Begin notes that another stream begins.
func (r *Reader) Begin() { r.begun = false }

// Take notes the next event, and returns its place if it is a log event.
func (r *Reader) Take(e sseclient.Event) (place Place, logged bool) {
	if e.ID == "" {
		return Place{}, false
	}
	p, err := parse(e.ID)
	if err != nil {
		r.wrong("G2: %s: %s", e.Name, err)
		return Place{}, false
	}
	first := !r.begun
	r.begun = true
	if e.Name == streamReset {
		r.reset(p, first)
		return Place{}, false
	}
	return p, r.follow(e, p)
}

func (r *Reader) reset(to Place, first bool) {
	if !first && !r.External {
		r.wrong("G3: a reset to %s within a stream", to)
	}
	r.Resets++
	r.At = to
}

// follow moves to the place of an event, and reports whether it is a log event.
// A version may be one or not; the place says which.
func (r *Reader) follow(e sseclient.Event, p Place) (logged bool) {
	before := r.At
	r.At = p
	switch {
	case before == Place{}:
		return e.Name == taskEvent
	case p == before && e.Name != taskEvent:
		return false
	case p == before.next() && e.Name != taskSnapshot:
		return true
	case p.Epoch != before.Epoch:
		r.wrong("G3: from %s to %s without a reset", before, p)
	case p.Seq > before.Seq && r.External:
		r.skip(before, p, e.Name != taskSnapshot)
	case p.Seq > before.Seq:
		r.wrong("G2: a gap, %s after %s", p, before)
	default:
		r.At = before
		r.wrong("E7: %s again or too late, after %s", p, before)
	}
	return e.Name == taskEvent
}

// skip notes what was left out between two places, and the latter unless the client got it.
func (r *Reader) skip(after, to Place, received bool) {
	for p := after.next(); p.Seq < to.Seq || p == to && !received; p = p.next() {
		r.Skipped = append(r.Skipped, p)
	}
}

func (r *Reader) wrong(format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
}
