package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"heliograph/adapters/http/paths"
	"heliograph/domain/event"
)

// AppEvent is an event of the application's own.
type AppEvent struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
	// Audience is whom it is for, as JSON; nil is everyone.
	Audience json.RawMessage `json:"audience,omitempty"`
	// RequestID makes it an event for one stream; "" is none.
	RequestID string `json:"request_id,omitempty"`
}

// Publish publishes an event, and returns the answer as it came. With a non-empty key, a
// second call within two minutes sends nothing and returns the first answer. Errors:
// *Error, ErrUnreachable.
func (c *Client) Publish(ctx context.Context, ev AppEvent, key string) (answer Published, err error) {
	body, err := event.Marshal(ev)
	if err != nil {
		return answer, fmt.Errorf("encode the event: %w", err)
	}
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	var read *Published
	err = c.ask(ctx, http.MethodPost, paths.Events, header, body, &read)
	if err == nil && (read == nil || ev.RequestID == "" && read.ID == nil) {
		err = fmt.Errorf("%w: it answered without an event", ErrUnreachable)
	}
	if err != nil {
		return answer, err
	}
	return *read, nil
}

// Published is the answer to an event.
type Published struct {
	ID        *string `json:"id"` // nil for an event for one stream
	Delivered bool    `json:"delivered"`
}
