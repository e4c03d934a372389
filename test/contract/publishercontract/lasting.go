package publishercontract

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"heliograph/domain/event"
)

// RunLasting is the rest of the contract, which is for brokers that outlive
// publishers: they keep topics in turn.
func RunLasting(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"an event that is published again keeps its ID and is received once", again},
		{"T3 an event that comes after a newer one of its topic is refused", stale},
		{"topics are in turn each for itself", perTopic},
		{"an event of a topic without numbers is never refused", withoutOrder},
		{"T11 of many publishers of the same event one adds it and all get its ID", sameByMany},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func numberOf(topic string, order uint64) event.Event {
	ev := number(int(order)) //nolint:gosec // a small number
	ev.Topic, ev.Order = topic, order
	return ev
}

func again(t *testing.T, s Subject) {
	first := publish(t, s, numberOf("task/a", 1))
	last := publish(t, s, numberOf("task/a", 7))
	if id := publish(t, s, numberOf("task/a", 7)); id != last {
		t.Errorf("published again the event is %v, was %v", id, last)
	}
	wantIDs(t, s, first, last)
}

func stale(t *testing.T, s Subject) {
	newest := publish(t, s, numberOf("task/a", 5))
	if _, err := s.Publisher.Publish(t.Context(), numberOf("task/a", 4)); !errors.Is(err, event.ErrStale) {
		t.Errorf("number 4 after 5: error %v, want ErrStale", err)
	}
	wantIDs(t, s, newest)
}

func perTopic(t *testing.T, s Subject) {
	wantIDs(t, s,
		publish(t, s, numberOf("task/a", 5)),
		publish(t, s, numberOf("task/b", 1)),
		publish(t, s, numberOf("a.*> ü", 1)),
		publish(t, s, number(1)),
		publish(t, s, numberOf("task/b", 2)))
}

func withoutOrder(t *testing.T, s Subject) {
	var ids []event.ID
	for range 3 {
		ids = append(ids, publish(t, s, numberOf("version", 0)))
	}
	wantIDs(t, s, ids...)
}

func sameByMany(t *testing.T, s Subject) {
	ids := make([]event.ID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			var err error
			if ids[i], err = s.Publisher.Publish(t.Context(), numberOf("task/a", 3)); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("the event has the IDs %v and %v", id, ids[0])
		}
	}
	wantIDs(t, s, ids[0])
}

// wantIDs holds that these were received and nothing else.
func wantIDs(t *testing.T, s Subject, want ...event.ID) {
	t.Helper()
	var got []event.ID
	for _, rec := range s.Received() {
		got = append(got, rec.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("received %v, want %v", got, want)
	}
}
