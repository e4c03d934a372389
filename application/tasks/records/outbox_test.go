package records_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// gate is an event.Publisher that takes an event each time that it is let.
type gate struct {
	event.Publisher
	let chan struct{}
}

func (g gate) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	select {
	case <-g.let:
		return g.Publisher.Publish(ctx, ev)
	case <-ctx.Done():
		return event.ID{}, ctx.Err()
	}
}

// durable returns a fixture with a store that outlives the process and a broker that has
// to be waited for.
func durable(t *testing.T) (*fixture, gate) {
	t.Helper()
	f := newFixture(t)
	f.store.outlives = true
	g := gate{f.sent, make(chan struct{})}
	f.Records = f.with(g)
	return f, g
}

func progress(seq uint64) func(*task.Task) records.News {
	return func(*task.Task) records.News {
		return records.News{Notes: []records.Note{{Type: task.EventProgress, Seq: seq}}}
	}
}

func TestNobodyWaitsForTheBroker(t *testing.T) { // T3, T11
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		begun := f.begins(work)
		f.Attempts.PublishStarted(t.Context(), begun)
		if _, err := f.Attempts.SaveNews(t.Context(), begun, ownerOf(begun), progress(2)); err != nil {
			t.Fatal(err)
		}
		end := conclusion(begun, work, records.Completed(nil))
		end.Last = 2
		if got, err := f.Ends.End(t.Context(), end); err != nil || got.Status != task.Completed {
			t.Fatalf("%+v, %v", got, err)
		}
		want := []task.EventType{task.EventStarted, task.EventProgress, task.EventCompleted}
		for n := range want {
			synctest.Wait()
			if got := f.get(); got.Status != task.Completed || !got.FinalEventPending || !f.FinalEvents.Announces(got) {
				t.Errorf("after %d events the record is %+v", n, got)
			}
			if got := f.sent.Types("a"); !slices.Equal(got, want[:n]) {
				t.Errorf("sent is %v, want %v", got, want[:n])
			}
			g.let <- struct{}{}
		}
		<-time.After(time.Second)
		if got := f.get(); got.FinalEventPending || got.Node != "" || !slices.Equal(f.sent.Types("a"), want) {
			t.Errorf("in the end the record is %+v, sent is %v", got, f.sent.Types("a"))
		}
	})
}

func TestTasksDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		for _, id := range []task.ID{"a", "b"} {
			f.Attempts.PublishStarted(t.Context(), task.Task{ID: id, Seq: 1})
		}
		synctest.Wait()
		for range 2 {
			select {
			case g.let <- struct{}{}:
			case <-time.After(time.Hour):
				t.Fatal("one of two events is not under way")
			}
		}
		synctest.Wait()
		if n := len(f.sent.All()); n != 2 {
			t.Errorf("%d events were sent", n)
		}
	})
}

func TestAShutdownWaitsForEventsAndGivesThemUpInTheEnd(t *testing.T) { // T15
	for name, sent := range map[string]bool{"they are sent": true, "the broker does not come back": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, g := durable(t)
				begun := f.begins(work)
				if _, err := f.Ends.End(t.Context(), conclusion(begun, work, records.Completed(nil))); err != nil {
					t.Fatal(err)
				}
				f.life.Refuse()
				f.life.Leave()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				stopped := make(chan error, 1)
				go func() { stopped <- f.life.Wait(ctx, 5*time.Second) }()
				synctest.Wait()
				if len(stopped) > 0 {
					t.Fatal("it does not wait")
				}
				if sent {
					g.let <- struct{}{}
				}
				err := <-stopped
				synctest.Wait()
				if got := f.get(); err != nil || got.FinalEventPending == sent || len(f.sent.All()) > 0 != sent {
					t.Errorf("stopped with %v, the record is %+v, sent is %v", err, got, f.sent.All())
				}
			})
		})
	}
}

func TestWhatIsPublishedNowGoesBehindWhatWaits(t *testing.T) { // T3
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		begun := f.begins(work)
		f.Attempts.PublishStarted(t.Context(), begun)
		done := make(chan bool, 1)
		ended := begun
		ended.Status, ended.Seq = task.Completed, 2
		go func() { done <- f.FinalEvents.Publish(t.Context(), ended) }()
		synctest.Wait()
		g.let <- struct{}{}
		synctest.Wait()
		if len(done) > 0 {
			t.Error("it did not wait")
		}
		g.let <- struct{}{}
		if !<-done {
			t.Error("it was not published")
		}
		if got := f.sent.Types("a"); !slices.Equal(got, []task.EventType{task.EventStarted, task.EventCompleted}) {
			t.Errorf("sent is %v", got)
		}
		f.Attempts.PublishStarted(t.Context(), begun) // which nobody takes
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if f.FinalEvents.Publish(ctx, ended) {
			t.Error("after the caller has gone it is said to be published")
		}
		close(g.let)
		synctest.Wait()
	})
}

func TestEventsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		var handed int
		go func() {
			for n := range uint64(records.OutboxRoom + 1) {
				f.Attempts.PublishStarted(t.Context(), task.Task{ID: "a", Seq: n})
				handed++
			}
		}()
		synctest.Wait()
		if handed != records.OutboxRoom {
			t.Errorf("%d were handed over, want %d", handed, records.OutboxRoom)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f.Attempts.PublishStarted(ctx, task.Task{ID: "b"}) // its caller goes away
		close(g.let)
		synctest.Wait()
		if n := len(f.sent.All()); n != records.OutboxRoom+1 || f.sent.Types("b") != nil {
			t.Errorf("%d were sent, want %d", n, records.OutboxRoom+1)
		}
	})
}

func TestOneEndThatIsNotPublishedHoldsUpTheStore(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		for _, id := range []task.ID{"a", "b"} {
			begun := f.beginsAs(id)
			if _, err := f.Ends.End(t.Context(), conclusion(begun, work, records.Completed(nil))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		f.sent.FailFor("a", event.ErrUnavailable)
		g.let <- struct{}{}
		g.let <- struct{}{}
		<-time.After(time.Hour)
		for _, id := range []task.ID{"a", "b"} { // the revision of b is the higher one
			if got, err := f.store.Get(t.Context(), id); err != nil || !got.FinalEventPending {
				t.Errorf("%s is %+v, %v", id, got, err)
			}
		}
		if a, b := f.get(), f.known("b"); f.FinalEvents.Announces(a) || !f.FinalEvents.Announces(b) {
			t.Errorf("who publishes a is left to others: %t, b: %t", !f.FinalEvents.Announces(a), !f.FinalEvents.Announces(b))
		}
		f.sent.FailFor("a", nil)
		close(g.let)
		if !f.FinalEvents.Publish(t.Context(), f.get()) {
			t.Error("it is said not to be published")
		}
		<-time.After(time.Second)
		for _, id := range []task.ID{"a", "b"} {
			if got := f.known(id); got.FinalEventPending || len(f.sent.Types(id)) != 1 {
				t.Errorf("in the end %s is %+v, sent is %v", id, got, f.sent.Types(id))
			}
		}
	})
}

func TestAnEndThatAnotherNodeHasPublishedHoldsUpNoMore(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		close(g.let)
		begun, other := f.beginsAs("a"), f.beginsAs("b")
		f.sent.FailFor("a", event.ErrUnavailable)
		for _, begun := range []task.Task{begun, other} {
			if _, err := f.Ends.End(t.Context(), conclusion(begun, work, records.Completed(nil))); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Second)
		a := f.get()
		f.FinalEvents.Forget([]task.Task{a})
		a.FinalEventPending, a.Node = false, "" // by the other node
		if _, err := f.store.Update(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			if !f.known("b").FinalEventPending {
				t.Errorf("after %d looks b is settled", n)
			}
			f.FinalEvents.Forget(nil)
			<-time.After(time.Second)
		}
		if f.known("b").FinalEventPending {
			t.Error("b is not settled")
		}
	})
}

func TestTheStoreIsToldUntilItKnows(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f, g := durable(t)
		close(g.let)
		f.store.settleFails = 3
		if _, err := f.Ends.End(t.Context(), conclusion(f.begins(work), work, records.Completed(nil))); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if f.get().FinalEventPending || f.store.settleFails != 0 {
			t.Errorf("the record is %+v, %d tries are left", f.get(), f.store.settleFails)
		}
	})
}
