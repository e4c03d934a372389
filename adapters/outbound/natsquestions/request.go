package natsquestions

import "encoding/json"

// format of what is sent. It grows when an earlier version must not answer any more.
const format = 1

// request is a question to a node.
type request struct {
	Format   int             `json:"format"`
	Topic    string          `json:"topic"`
	Question json.RawMessage `json:"question"`
}

// answer is what the node says: an Answer, or an Error.
type answer struct {
	Format int             `json:"format"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}
