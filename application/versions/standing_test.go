package versions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// standing is a version.Standing as a test reads it.
type standing struct {
	Current, Candidate, Failure string
	Announced, More             bool
	Confirmations, Needed       int
	Pending                     int
}

func TestOperatorsSeeWhatIsCurrentAndWhatWaits(t *testing.T) { // W7, V2, V6, V8
	t.Parallel()
	w := newWorld(t, standard)
	look := func(what string, want standing) {
		t.Helper()
		known, err := w.Standing(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		got := standing{
			Current: known.Current.Name(), Candidate: known.Candidate.Name(), Failure: known.Failure, Announced: known.Announced, More: known.MorePending,
			Confirmations: known.Confirmations, Needed: known.Needed, Pending: len(known.Pending),
		}
		if want.Needed = 2; want.Current == "" {
			got.Announced = false // there is none
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if !known.Watches || known.Asked.IsZero() != (want.Current == "") {
			t.Errorf("%s: watches %t, asked %s", what, known.Watches, known.Asked)
		}
	}
	look("at first", standing{})
	w.source.say(parse(t, "1"))
	w.poll(t)
	look("the source's first answer", standing{Current: "1"})
	w.source.say(parse(t, "2"))
	w.poll(t)
	look("another that is not confirmed", standing{Current: "1", Candidate: "2", Confirmations: 1})
	w.poll(t)
	look("and is then", standing{Current: "2"})
	w.source.fail(&version.SourceError{Reason: "it is away"})
	w.poll(t)
	look("a source that fails", standing{Current: "2", Failure: "version source is unavailable: it is away"})
	for _, id := range []string{"", "a", "b"} {
		if err := w.Announce(t.Context(), connection.RequestID(id), parse(t, "3"+id)); err != nil {
			t.Fatal(err)
		}
	}
	look("announcements", standing{Current: "3", Announced: true, Failure: "version source is unavailable: it is away", Pending: 1, More: true})
}
