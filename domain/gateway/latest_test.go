package gateway_test

import (
	"errors"
	"testing"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

func TestSameEventIsEncodedOnce(t *testing.T) { // T13
	var latest gateway.Latest[int]
	n, failure := 0, error(nil)
	of := func(ev event.Event) int {
		t.Helper()
		form, err := latest.Of(ev, func(event.Event) (int, error) {
			n++
			return n, failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("%v, want %v", err, failure)
		}
		return form
	}
	data := []byte("1")
	task := event.Event{Service: event.ServiceTask, Name: "a", Data: data}
	version := event.Event{Service: event.ServiceVersion, Name: "a", Data: data}
	if first, second, other := of(task), of(version), of(task); first != 1 || second != 2 || other != 1 {
		t.Errorf("got %d, %d, %d; want 1, 2, 1: each service has its own", first, second, other)
	}
	for name, ev := range map[string]event.Event{
		"other data":  {Service: event.ServiceTask, Name: "a", Data: []byte("1")},
		"other name":  {Service: event.ServiceTask, Name: "b", Data: data},
		"other key":   {Service: event.ServiceTask, Name: "a", Key: "k", Data: data},
		"no data":     {Service: event.ServiceTask, Name: "a"},
		"longer data": {Service: event.ServiceTask, Name: "a", Data: append(data, '2')},
	} {
		before := n
		of(task)
		if of(ev); n == before {
			t.Errorf("%s: was taken for the same event", name)
		}
	}
	before := n
	control := event.Event{Name: "a", Data: data}
	of(control)
	if of(control); n != before+2 {
		t.Error("a control event was kept")
	}
	failure = errors.New("no")
	of(event.Event{Service: event.ServiceTask, Name: "c", Data: data})
	failure = nil
	if before = n; of(event.Event{Service: event.ServiceTask, Name: "c", Data: data}) != before+1 {
		t.Error("a failure was kept")
	}
}
