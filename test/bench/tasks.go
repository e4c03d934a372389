//go:build linux

package bench

import "strconv"

// Tasks returns what shows the cost of a task from the call that starts it to
// its last event on a stream, with publishing an event beside it for comparison.
func Tasks(bin string) []Subject {
	event := heliograph(bin)
	event.Name, event.Resumes = "an event, POST /api/versions", false
	task := event
	task.Name = "a task that does nothing, POST /api/tasks"
	task.Settings += "; demo_task with 0 steps, which has three events: started, progress, completed"
	task.Publish = doNothing
	return []Subject{event, task}
}

// doNothing is a task whose last event has the payload in it.
func doNothing(payload string) Request {
	return Request{
		Streams: true, Path: "/api/tasks", Type: jsonType,
		Body: `{"type":"demo_task","params":{"delay":0,"steps":0,"message":` + strconv.Quote(payload) + `}}`,
	}
}

// taskColumns are of one stream, on which each delivery is the end of a task.
var taskColumns = []column{
	{title: "a second, 16 in flight", figure: DeliveriesPerSecond, show: whole, most: true, plain: true},
	{title: "CPU µs each", figure: PipelinedCPU, show: seconds, plain: true},
	{title: "p50 at 10 a second", figure: PacedP50, show: millis, plain: true},
	{title: "p99", figure: PacedP99, show: millis, plain: true},
	{title: "lost", figure: Lost, show: whole, plain: true},
}
