package versions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/cachedversion"
	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/version"
)

func TestANewVersionCountsOnceItIsConfirmed(t *testing.T) { // V8
	t.Parallel()
	for _, c := range []struct {
		name          string
		confirmations int
		answers       string // one a look-up; ! is a failure
		want          string // what was broadcast
	}{
		{"the first good answer counts at once", 2, "! 1", "1"},
		{"a new one counts when it was seen in a row", 2, "1 2 2", "1 2"},
		{"it is announced once", 2, "1 1 2 2 2 2", "1 2"},
		{"while a deploy rolls, answers alternate", 2, "1 2 1 2 1 2 2", "1 2"},
		{"a third one starts a row of its own", 2, "1 2 3 2 3 3", "1 3"},
		{"a failure is no answer: it neither counts nor ends a row", 2, "1 2 ! 2", "1 2"},
		{"three in a row", 3, "1 2 2 1 2 2 2", "1 2"},
		{"a roll-back is a change like any other", 2, "1 2 2 1 1", "1 2 1"},
		{"one answer is enough when so configured", 1, "1 2 1", "1 2 1"},
		{"none asked for is one", 0, "1 2", "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, versions.Config{Confirmations: c.confirmations})
			for answer := range strings.FieldsSeq(c.answers) {
				w.say(t, answer)
				w.poll(t)
			}
			if diff := cmp.Diff(strings.Fields(c.want), w.streams.broadcasts()); diff != "" {
				t.Errorf("broadcast (-want +got):\n%s", diff)
			}
		})
	}
}

func (w *world) say(t *testing.T, answer string) {
	t.Helper()
	if answer == "!" {
		w.source.fail(version.ErrUnavailable)
		return
	}
	w.source.say(parse(t, answer))
}

func TestUntilANewVersionCountsConnectionsGetTheOldOne(t *testing.T) { // V8, V1
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, versions.Config{Confirmations: 2, CacheTTL: 2 * time.Second}, says(t, "1"), cached)
		w.connect(t, "a", "early")
		w.source.say(parse(t, "2"))
		<-time.After(3 * time.Second)
		for i := range 5 { // they share one fresh answer
			token := connection.Token(fmt.Sprint(i))
			if diff := cmp.Diff([]string{"1"}, w.connect(t, "a", token)); diff != "" {
				t.Errorf("connection %d got (-want +got):\n%s", i, diff)
			}
		}
		<-time.After(3 * time.Second)
		if diff := cmp.Diff([]string{"2"}, w.connect(t, "a", "late")); diff != "" {
			t.Errorf("the one that had it confirmed got (-want +got):\n%s", diff)
		}
	})
}

// says sets the source's answer from the start.
func says(t *testing.T, text string) func(w *world, _ *version.Source) {
	return func(w *world, _ *version.Source) { w.source.say(parse(t, text)) }
}

func cached(w *world, s *version.Source) { *s = cachedversion.New(w.source) }

// TestChangesOfOtherFieldsOfTheCurrentVersionAreBroadcast names versions by number, with the value
// of another field behind the colon.
func TestChangesOfOtherFieldsOfTheCurrentVersionAreBroadcast(t *testing.T) { // V8
	t.Parallel()
	for _, c := range []struct {
		name          string
		confirmations int
		answers       string
		want          string
	}{
		{"once they are confirmed", 2, "1:a 1:b 1:b 1:b", "1:a 1:b"},
		{"while answers alternate, not", 2, "1:a 1:b 1:a 1:b 1:a", "1:a"},
		{"what is different each time does not count", 2, "1:a 1:b 1:c 1:d", "1:a"},
		{"and does not keep a new version back", 2, "1:a 2:b 2:c 2:d", "1:a 2:c"},
		{"one answer is enough when so configured", 1, "1:a 1:b", "1:a 1:b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, versions.Config{Confirmations: c.confirmations})
			for answer := range strings.FieldsSeq(c.answers) {
				w.source.say(parse(t, withField(answer)))
				w.poll(t)
			}
			var want, got []string
			for answer := range strings.FieldsSeq(c.want) {
				want = append(want, withField(answer))
			}
			for _, ev := range w.streams.published {
				got = append(got, string(ev.Data))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("broadcast (-want +got):\n%s", diff)
			}
			w.source.fail(version.ErrUnavailable) // so that Connected confirms nothing
			w.connect(t, "a", "token")
			if sent := string(w.streams.events("token")[0].Data); sent != want[len(want)-1] {
				t.Errorf("V1: sent on connect %s, want what was broadcast last", sent)
			}
		})
	}
}

func withField(answer string) string {
	name, field, _ := strings.Cut(answer, ":")
	return fmt.Sprintf(`{"version":%q,"field":%q}`, name, field)
}

func TestTheSourceIsAskedAtTheStartAndThenInIntervals(t *testing.T) { // V8
	t.Parallel()
	for _, c := range []struct {
		interval time.Duration
		want     int
	}{{30 * time.Second, 3}, {0, 1}} {
		t.Run(c.interval.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newStillWorld(t, versions.Config{PollInterval: c.interval, CacheTTL: time.Hour}, cached)
				w.source.say(parse(t, "1"))
				w.Start(t.Context())
				ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
				defer cancel()
				if err := w.Serve(ctx); err != nil || ctx.Err() == nil {
					t.Errorf("Serve returned %v, want nil at the end of its context", err)
				}
				if got := w.source.count(); got != c.want {
					t.Errorf("the source was asked %d times in 61s, want %d", got, c.want)
				}
			})
		})
	}
}

func TestAReconnectStormIsOneLookUp(t *testing.T) { // V5, V6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, versions.Config{CacheTTL: 2 * time.Second}, cached)
		<-time.After(3 * time.Second) // the failure at the start is not cached any more
		asked := w.source.count()
		w.source.say(parse(t, "1"))
		w.source.took = time.Second
		for i := range 1000 {
			token := connection.Token(fmt.Sprint(i))
			w.streams.attach(token)
			go func() {
				if err := w.Connected(t.Context(), connection.Connection{RequestID: "a", Token: token}); err != nil {
					t.Errorf("Connected: %v", err)
				}
			}()
		}
		<-time.After(time.Second)
		synctest.Wait()
		if got := w.source.count() - asked; got != 1 {
			t.Errorf("the source was asked %d times, want 1", got)
		}
		for i := range 1000 {
			got := w.streams.got(connection.Token(fmt.Sprint(i)))
			if len(got) != 1 { // V1; the first one is broadcast, and reaches them so
				t.Errorf("connection %d got %v, want one version", i, got)
			}
		}
	})
}

func TestASourceThatFailsLeavesTheLastGoodVersion(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, "1"))
	w.poll(t)
	w.source.fail(version.ErrUnavailable)
	if diff := cmp.Diff([]string{"1"}, w.connect(t, "a", "token")); diff != "" {
		t.Errorf("got on the stream (-want +got):\n%s", diff)
	}
	if v, err := w.Current(t.Context()); err != nil || v.Name() != "1" {
		t.Errorf("Current: %q, %v, want 1", v.Name(), err)
	}
}

func TestTheFirstVersionIsBroadcastToConnectionsWithoutOne(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard)
	w.source.fail(&version.SourceError{Reason: "refused", Cause: errors.New("dial 10.0.0.1:80")})
	w.poll(t)
	if got := w.connect(t, "a", "token"); len(got) != 0 {
		t.Errorf("sent %v, want nothing", got)
	}
	if _, err := w.Current(t.Context()); !errors.Is(err, version.ErrUnavailable) || err.Error() != "version source is unavailable: refused" {
		t.Errorf("Current: %v, want why, without its cause", err)
	}
	w.source.say(parse(t, "1"))
	w.poll(t)
	if diff := cmp.Diff([]string{"1"}, w.streams.got("token")); diff != "" {
		t.Errorf("got on the stream (-want +got):\n%s", diff)
	}
}

func TestCurrentIsWhatTheSourceSaysConfirmedOrNot(t *testing.T) { // V6, V8
	t.Parallel()
	w := newWorld(t, standard)
	for _, want := range []string{"1", "2"} {
		w.source.say(parse(t, want))
		if v, err := w.Current(t.Context()); err != nil || v.Name() != want {
			t.Errorf("Current: %q, %v, want %s", v.Name(), err, want)
		}
	}
	w.AwaitBroadcast(t.Context())
	if diff := cmp.Diff([]string{"1"}, w.streams.broadcasts()); diff != "" {
		t.Errorf("broadcast (-want +got):\n%s", diff)
	}
}

func TestAVersionTooLargeToSendIsAFailureOfTheSource(t *testing.T) { // E8, V6
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, strings.Repeat("1", 1<<10)))
	_, err := w.Current(t.Context())
	if !errors.Is(err, version.ErrUnavailable) || errors.Is(err, version.ErrTooLarge) {
		t.Errorf("Current: %v, want only %v", err, version.ErrUnavailable)
	}
	if got := w.streams.broadcasts(); len(got) != 0 {
		t.Errorf("broadcast %v, want nothing", got)
	}
}

func TestAChangeThatWasNotBroadcastIsTriedAgain(t *testing.T) { // V8
	t.Parallel()
	w := newWorld(t, versions.Config{})
	w.streams.attach("token")
	for _, step := range []struct {
		broker  error
		version string
		want    []string
	}{
		{nil, "1", []string{"1"}},
		{event.ErrUnavailable, "2", []string{"1"}},
		{nil, "2", []string{"1", "2"}},
		{event.ErrUnavailable, "3", []string{"1", "2"}},
		{nil, "2", []string{"1", "2"}},
		{nil, "3", []string{"1", "2", "3"}},
	} {
		w.streams.breakPublish(step.broker)
		w.source.say(parse(t, step.version))
		w.poll(t)
		if diff := cmp.Diff(step.want, w.streams.got("token")); diff != "" {
			t.Errorf("after %s (broker: %v), on the stream (-want +got):\n%s", step.version, step.broker, diff)
		}
	}
}

func TestACanceledCallDoesNotStopTheBroadcastOfANewVersion(t *testing.T) { // V8
	t.Parallel()
	w := newWorld(t, standard)
	w.source.say(parse(t, "1"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = w.Current(ended)
	w.AwaitBroadcast(t.Context())
	if diff := cmp.Diff([]string{"1"}, w.streams.broadcasts()); diff != "" {
		t.Errorf("broadcast (-want +got):\n%s", diff)
	}
}

func TestFailuresOfTheSourceAndItsReturnAreLogged(t *testing.T) { // V6
	t.Parallel()
	w := newWorld(t, standard)
	for answer := range strings.FieldsSeq("1 ! ! ! 1 1 !") {
		w.say(t, answer)
		w.poll(t)
	}
	w.source.fail(context.Canceled) // the end of a caller's context, no failure of the source
	w.poll(t)
	for text, want := range map[string]int{"version source fails": 2, "version source answers again": 1} {
		if got := strings.Count(w.logged.String(), text); got != want {
			t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, w.logged)
		}
	}
}
