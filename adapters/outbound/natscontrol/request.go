package natscontrol

import (
	"encoding/json"

	"heliograph/domain/connection"
)

// requestFormat is that of the requests that are sent; the first ones have none. It
// grows when an earlier version must not answer them any more.
const requestFormat = 1

// request is what a node is asked for: to close a stream after an event, or if
// there is none, to know that it has ended.
type request struct {
	Format int               `json:"format"`
	Token  connection.Token  `json:"token"`
	Name   string            `json:"name,omitempty"`
	Data   json.RawMessage   `json:"data,omitempty"`
	Reason connection.Reason `json:"reason,omitempty"`
}
