package bootstrap

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadinessKnowsSinceWhen(t *testing.T) { // W7
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var state error // guarded by mu
		set := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			state = err
		}
		r := newReadiness(readinessParts{Components: []component{{Name: "broker", Check: func() error {
			mu.Lock()
			defer mu.Unlock()
			return state
		}}, {Name: "unchecked"}}})
		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		watching := newLoops(make(chan error, 1))
		watching.run("readiness", func(context.Context) error { return r.watch(ctx) })
		defer watching.await()
		defer cancel()
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		want := func(what string, err error, since time.Time) {
			t.Helper()
			all := r.look()
			if len(all) != 2 || all[0].Name != "broker" || all[0].Err != err || !all[0].Since.Equal(since) || all[1].Name != "service" || !all[1].Since.Equal(begun) { //nolint:errorlint // it is the very one
				t.Errorf("%s: %+v, want %v since %s", what, all, err, since)
			}
		}
		pass(10 * time.Second)
		want("at first", nil, begun)

		set(errors.New("gone"))
		broken := time.Now()
		pass(time.Minute) // nobody has asked meanwhile
		if all := r.look(); all[0].Since.Sub(broken) > readinessInterval {
			t.Errorf("since %s, want %s", all[0].Since, broken)
		}
		since := r.look()[0].Since
		other := errors.New("still gone")
		set(other)
		pass(time.Minute)
		want("wrong for another reason", other, since)

		set(nil)
		want("right again, at once", nil, time.Now())
		r.fail()
		pass(time.Second)
		if all := r.look(); all[1].Err == nil || r.check(ctx)["service"] == nil || r.check(ctx)["broker"] != nil {
			t.Errorf("while it drains: %+v", all)
		}
	})
}
