package tasks_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// someAudience returns one of three.
func someAudience(n int) access.Choice {
	return access.Choice{Given: n > 0, Audience: []*access.Audience{nil, nil, {Subjects: []string{"ann"}, Roles: []string{"staff"}}}[n]}
}

func TestTheEventsOfATaskAreForItsAudience(t *testing.T) { // A11, A12
	reports := work(func(_ context.Context, report task.Reporter) (json.RawMessage, error) {
		report.Value(0.5)
		<-time.After(time.Second)
		return nil, nil
	})
	staff, ann := &access.Audience{Roles: []string{"staff"}}, &access.Audience{Subjects: []string{"ann"}}
	given := func(a *access.Audience) access.Choice { return access.Choice{Given: true, Audience: a} }
	for name, c := range map[string]struct {
		asked, byType access.Choice
		followed      bool
		want          *access.Audience
	}{
		"everyone if nothing says anything else": {},
		"what the type says":                     {byType: given(staff), want: staff},
		"what was asked for":                     {asked: given(ann), byType: given(staff), want: ann},
		"everyone if that was asked for":         {asked: given(nil), byType: given(staff)},
		"and those who follow the task":          {asked: given(ann), followed: true, want: &access.Audience{Subjects: []string{"ann", "heliograph:task/task-1"}}},
		"everyone, even if somebody follows it":  {followed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				typ := reports
				typ.Audience = c.byType
				f.start(typ)
				started, err := f.Start(t.Context(), task.Request{Type: "work", Owner: "ann", Audience: c.asked, Followed: c.followed})
				if err != nil || started.Owner != "ann" {
					t.Fatalf("Start: %+v, %v", started, err)
				}
				pass(time.Minute)
				for _, e := range f.wantEvents(started.ID, task.EventStarted, task.EventProgress, task.EventCompleted) {
					if diff := cmp.Diff(c.want, e.audience); diff != "" {
						t.Errorf("%s is for (-want +got):\n%s", e.Type, diff)
					}
				}
				cancelled, err := f.Start(t.Context(), task.Request{Type: "work", Audience: given(staff)})
				if err != nil {
					t.Fatal(err)
				}
				f.cancel(cancelled.ID)
				synctest.Wait()
				for _, e := range f.wire.of(cancelled.ID) {
					if diff := cmp.Diff(staff, e.audience); diff != "" {
						t.Errorf("%s is for (-want +got):\n%s", e.Type, diff)
					}
				}
			})
		})
	}
}
