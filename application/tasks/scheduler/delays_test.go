package scheduler_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestATaskIsNotReadyBeforeItsTime(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.Offer(waiting("outside", "a"), time.Second)
		<-time.After(time.Second - 1)
		synctest.Wait()
		f.wantNext(named("outside"))
		<-time.After(1)
		synctest.Wait()
		f.wantNext(named("outside"), "a")
	})
}

func TestNoTaskComesDueOnceTheQueueIsClosed(t *testing.T) { // T15, T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.Offer(waiting("outside", "a"), time.Second)
		f.schedules("outside", "b", time.Second)
		f.wantWaiting(1, 1)
		if left := f.Close(); len(left) != 2 {
			t.Errorf("left are %d tasks, want 2", len(left))
		}
		<-time.After(time.Minute)
		synctest.Wait()
		f.wantWaiting(0, 0)
	})
}
