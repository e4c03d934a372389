//go:build linux

package bench

import (
	"context"
	"fmt"
)

// Subject is one system under test.
type Subject struct {
	Name string
	// Settings is what was set for the test, for the page.
	Settings string
	// Part is the part of the page that the subject belongs to, if there are
	// several.
	Part string
	// Sizes are the numbers of connections it is measured with; nil is all.
	Sizes []int
	// Ours marks heliograph. The first of several is compared with the others.
	Ours bool
	// Reference marks what is no gateway but a bound of what one can reach.
	Reference bool
	// Version finds the version of what is measured; "" if it has none.
	Version func() string
	// Command makes the command line and environment of a server on two free
	// ports of 127.0.0.1. It may write files to dir.
	Command func(p Place) (Command, error)
	// Nodes is how many processes serve streams, to which all connections are
	// spread; 0 is one. Spare is how many more ports the command needs.
	Nodes, Spare int
	// Path is the stream's; "{n}" becomes a number of the stream. Header are more
	// lines of the request.
	Path   string
	Header []string
	// Publish makes the request that publishes a payload to everyone; nil if the
	// system cannot, as the reference for connects.
	Publish func(payload string) Request
	// Waiting is how many messages that are never delivered are in the server before
	// anything is measured, and Wait makes the request that publishes one.
	Waiting int
	Wait    func(payload string) Request
	// Pushes says that each delivery is a request of its own: then steady traffic
	// would only pile up, and is not measured.
	Pushes bool
	// Take takes a round in place of Measure, of what is no server; nil is Measure.
	Take func(ctx context.Context, s *Subject) (Round, error)
	// Resumes says that a client can come back with Last-Event-ID, and Greets that
	// it learns at once when what it missed is gone.
	Resumes, Greets bool
}

// Place is where a server runs.
type Place struct {
	Dir     string // for its files, empty
	Streams int    // port
	Publish int    // port, if it has one for that
	// More are the ports of the nodes after the first, and Spare those for what
	// else the subject needs.
	More, Spare []int
	// History asks for room to replay 10,000 events; otherwise 1 MiB or 5,000
	// events are enough, so that the log does not hide what a connection costs.
	History bool
}

// Command is a process to start.
type Command struct {
	Args []string
	Env  []string // beside PATH and HOME
}

// Request is an HTTP POST.
type Request struct {
	// Streams says that it goes to the streams' port, not to the other one.
	Streams bool
	Path    string
	Type    string   // of the content
	Header  []string // more lines
	Body    string
}

// bytes returns the request as it goes over the wire.
func (r Request) bytes() []byte {
	b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n", r.Path, r.Type, len(r.Body))
	for _, line := range r.Header {
		b = append(append(b, line...), "\r\n"...)
	}
	return append(append(b, "\r\n"...), r.Body...)
}

// json is what most systems take.
const jsonType = "application/json"
