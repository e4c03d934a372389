// Package paths names the HTTP paths that more than one part of the program
// knows.
package paths

const (
	// Stream is where browsers have their one stream, with the embedded gateway.
	Stream = "/api/sse/stream"
	// Callback is where an external gateway posts its callbacks.
	Callback = "/api/sse/callback"
	// Health and Ready are the probes.
	Health = "/healthz"
	Ready  = "/readyz"
)
