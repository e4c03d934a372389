// Package paths names the HTTP paths that more than one part of the program
// knows.
package paths

// The paths.
const (
	// Stream is where browsers have their one stream, with the embedded gateway.
	Stream = "/api/sse/stream"
	// Callback is where an external gateway posts its callbacks.
	Callback = "/api/sse/callback"
	// Tasks is where tasks are started and listed, and the folder of each.
	Tasks = "/api/tasks"
	// Events is where events of the application's own are published.
	Events = "/api/events"
	// Connections lists the open streams, and is the folder of each.
	Connections = "/api/connections"
	// TaskTypes lists what can be started.
	TaskTypes = "/api/task-types"
	// Health is the probe of liveness.
	Health = "/healthz"
	// Ready is the probe of readiness.
	Ready = "/readyz"
)
