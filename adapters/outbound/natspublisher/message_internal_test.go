package natspublisher

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// The stored forms of a message's header: events of each of them are in the field.
const (
	golden0 = `{"service":"task","name":"task_event","key":"progress/a","topic":"task/a","order":7}`
	golden1 = `{"format":1,"service":"task","name":"task_event","key":"progress/a","topic":"task/a","order":7}`
	golden2 = `{"format":2,"service":"task","name":"task_event","key":"progress/a","topic":"task/a","order":7,"audience":{"subjects":["user-1"]}}` // not for everyone
)

func TestStoredForms(t *testing.T) {
	want := event.Event{Service: event.ServiceTask, Name: "task_event", Key: "progress/a", Topic: "task/a", Order: 7, Data: []byte(`{"a":1}`)}
	msg, err := encode(want)
	if err != nil || msg.Header.Get(eventHeader) != golden1 || msg.Subject != "heliograph.events.task.a" || string(msg.Data) != `{"a":1}` {
		t.Errorf("written is %+v, %v", msg, err)
	}
	with := func(text string) nats.Header { return nats.Header{eventHeader: {text}} }
	for _, text := range []string{golden0, golden1, `{"added":"later",` + golden1[1:]} {
		if got, err := decode(with(text), want.Data); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
	if got, err := decode(with(`{"format":3,"service":"task","name":"n"}`), nil); err == nil {
		t.Errorf("a message of a later format is read as %+v", got)
	}
	want.Audience = &access.Audience{Subjects: []string{"user-1"}}
	if msg, err := encode(want); err != nil || msg.Header.Get(eventHeader) != golden2 {
		t.Errorf("written is %+v, %v", msg, err)
	}
	if got, err := decode(with(golden2), want.Data); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s is read as %+v, %v", golden2, got, err)
	}
	var first struct { // what versions read that wrote golden0
		Service, Name, Key, Topic string
		Order                     uint64
	}
	if err := json.Unmarshal([]byte(golden1), &first); err != nil || first.Service != "task" || first.Name != "task_event" || first.Order != 7 {
		t.Errorf("an earlier version reads %+v, %v", first, err)
	}
}
