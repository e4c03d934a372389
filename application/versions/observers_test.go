package versions_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/cachedversion"
	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

func TestAVersionIsSentByTheFirstObserverOnlyIfTheSourceAnswersAtOnce(t *testing.T) { // V1, C7
	t.Parallel()
	for name, c := range map[string]struct {
		took        time.Duration
		first, both []string
	}{
		"a source that answers at once": {10 * time.Millisecond, []string{"1"}, []string{"1"}},
		"a source that takes long":      {time.Second, []string{}, []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, versions.Config{Confirmations: 1, CacheTTL: 2 * time.Second}, func(_ *world, s *version.Source) { *s = cachedversion.New(*s) })
				w.source.say(parse(t, "1"))
				w.poll(t)
				w.source.took = c.took
				<-time.After(10 * time.Second) // the cached answer is too old by now
				first, second := w.Observers()
				for _, token := range []connection.Token{"token", "again"} { // the second has it from the cache
					w.streams.attach(token)
					conn := connection.Connection{RequestID: "a", Token: token}
					before := time.Now()
					if err := first.Connected(t.Context(), conn); err != nil {
						t.Error(err)
					}
					if held := time.Since(before); held > 25*time.Millisecond {
						t.Errorf("the first observer took %s", held)
					}
					want := c.first
					if token == "again" {
						want = c.both
					}
					if diff := cmp.Diff(want, w.streams.got(token)); diff != "" {
						t.Errorf("%s: got from the first observer (-want +got):\n%s", token, diff)
					}
					if err := second.Connected(t.Context(), conn); err != nil {
						t.Error(err)
					}
					if diff := cmp.Diff(c.both, w.streams.got(token)); diff != "" {
						t.Errorf("%s: got from both (-want +got):\n%s", token, diff)
					}
				}
			})
		})
	}
}
