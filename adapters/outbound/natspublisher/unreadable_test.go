package natspublisher_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
)

// A message in the log that is no event is left out, and blocks nothing:
// also not as the newest one of a topic.
func TestAMessageThatIsNoEventIsLeftOut(t *testing.T) {
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	junk := []*nats.Msg{
		{Subject: "heliograph.events.version", Data: []byte("{}")},
		{Subject: "heliograph.events.version", Data: []byte("{}"), Header: nats.Header{"Heliograph-Event": {"{}"}}},
		{Subject: "heliograph.events.task.a", Data: []byte("{}"), Header: nats.Header{"Heliograph-Event": {`{"order":"1"}`}}},
	}
	for _, msg := range junk {
		if _, err := broker.Publish(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	want := []uint64{n.publish(numbered("version", 0)).Seq, n.publish(numbered("task/a", 1)).Seq}
	var got []uint64
	for _, rec := range n.received() {
		got = append(got, rec.ID.Seq)
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("received are %d, want %d", got, want)
	}
	if n := broker.Unreadable()["heliograph_events"]; n != 3 {
		t.Errorf("counted are %d, want 3", n)
	}
}
