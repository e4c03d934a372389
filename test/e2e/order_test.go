package e2e_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"heliograph/test/sseclient"
)

// place is an event ID taken apart (rule G2).
type place struct {
	epoch string
	seq   uint64
}

func (p place) String() string { return fmt.Sprintf("%s-%d", p.epoch, p.seq) }

var idForm = regexp.MustCompile(`^[a-z0-9]+-(0|[1-9][0-9]*)$`)

func parsePlace(t *testing.T, id string) place {
	t.Helper()
	epoch, digits, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || !idForm.MatchString(id) {
		t.Fatalf("G2: id %q is not <epoch>-<sequence>", id)
	}
	return place{epoch, seq}
}

// inOrder checks the IDs of one stream, which resumed from the place at, or
// began anew if that is nowhere: log events follow each other without gap or
// repetition, and a private one has the ID of the log event before it (E7, G2).
// It returns the place of the end.
func inOrder(t *testing.T, events []sseclient.Event, at place) place {
	t.Helper()
	return ordered(t, events, at, false)
}

// inOrder is the function of this name, but that an external gateway may be
// pressed for time, and then progress is conflated on its way (E10).
func (s *service) inOrder(t *testing.T, events []sseclient.Event, at place) place {
	t.Helper()
	return ordered(t, events, at, s.gateway != nil)
}

// ordered allows gaps, if asked to.
func ordered(t *testing.T, events []sseclient.Event, at place, gaps bool) place {
	t.Helper()
	for i, e := range events {
		switch e.Name {
		case "stream_reset":
			if i > 0 {
				t.Errorf("G3: stream_reset is event %d of its stream, not the first", i)
			}
			at = parsePlace(t, e.ID)
			continue
		case "replaced", "rejected", "ready", "ping":
			if e.ID != "" {
				t.Errorf("G2: control event %s has id %q", e.Name, e.ID)
			}
			continue
		}
		p := parsePlace(t, e.ID)
		want := at.next(e, p)
		begins := at == place{} // private or not
		if !begins && p != want && (!gaps || !p.follows(want)) {
			t.Fatalf("E7, G2: event %d, %s, has id %s, want %v", i, e.Name, e.ID, want)
		}
		at = p
	}
	return at
}

func (p place) follows(q place) bool { return p.epoch == q.epoch && p.seq > q.seq }

// next returns the place that e, whose own is got, should have. A version event
// may be a log event or a private one.
func (p place) next(e sseclient.Event, got place) place {
	if e.Name == "task_event" || e.Name == "version" && got != p {
		p.seq++
	}
	return p
}
