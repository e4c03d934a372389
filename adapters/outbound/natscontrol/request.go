package natscontrol

import (
	"encoding/json"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// Formats of the requests that are sent; the first ones have none. The format grows when
// an earlier version must not answer them any more: to one of format 1 a request with a
// credential would say that the stream has ended, and one with an event that it should.
const (
	requestFormat = 1
	renewalFormat = 2
	sendFormat    = 3
	followFormat  = 4

	newestFormat = followFormat
)

// request is what a node is asked for: to hand an event to a stream (sendFormat), to close
// it after an event, to give it a new credential, to have it follow a task, or if there is
// none of that, to know that it has ended.
type request struct {
	Format int              `json:"format"`
	Token  connection.Token `json:"token"`
	Name   string           `json:"name,omitempty"`
	Data   json.RawMessage  `json:"data,omitempty"`
	// Service and Key are of an event that is to be sent.
	Service event.Service     `json:"service,omitempty"`
	Key     string            `json:"key,omitempty"`
	Reason  connection.Reason `json:"reason,omitempty"`
	// Principal is whom the new credential is of, as package principaljson writes it.
	Principal json.RawMessage `json:"principal,omitempty"`
	Followed  *followed       `json:"followed,omitempty"`
}

// followed is an output.Followed.
type followed struct {
	Task   task.ID `json:"task"`
	Offset int64   `json:"offset"`
	Ends   bool    `json:"ends,omitempty"`
}
