package natspublisher_test

import (
	"testing"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/domain/event"
)

// BenchmarkPublish is one event of a task at a time, as a node with a data
// directory publishes it: acknowledged, and on its way to the disk.
func BenchmarkPublish(b *testing.B) {
	broker := brokertest.Open(b, natsbroker.Config{Dir: b.TempDir()})
	log, err := natspublisher.OpenLog(b.Context(), broker, natspublisher.LogConfig{MaxBytes: 32 << 20})
	if err != nil {
		b.Fatal(err)
	}
	p, err := natspublisher.New(log, 0, newRecorder(), silent)
	if err != nil {
		b.Fatal(err)
	}
	ev := event.Event{Service: event.ServiceTask, Name: "task_event", Topic: "task/a", Data: []byte(`{"event_type":"progress_update","data":{"text":"Step 1/3","value":0.3}}`)}
	b.ReportAllocs()
	for b.Loop() {
		ev.Order++
		if _, err := p.Publish(b.Context(), ev); err != nil {
			b.Fatal(err)
		}
	}
}
