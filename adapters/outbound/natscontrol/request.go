package natscontrol

import (
	"encoding/json"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// Formats of the requests that are sent; the first ones have none. The format grows when
// an earlier version must not answer them any more: to one of format 1 a request with a
// credential would say that the stream has ended, and one with an event that it should.
const (
	requestFormat = 1
	renewalFormat = 2
	sendFormat    = 3

	newestFormat = sendFormat
)

// request is what a node is asked for: to hand an event to a stream (sendFormat), to close
// it after an event, to give it a new credential, or if there is none of that, to know that it has ended.
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
}
