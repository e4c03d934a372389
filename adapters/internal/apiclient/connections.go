package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"heliograph/adapters/http/paths"
)

// ConnectionFilter selects connections; all that it names must hold. The zero value selects all.
type ConnectionFilter struct {
	Subject   string
	RequestID string // its beginning
	Node      string
	Behind    bool // something waits for it
}

// Connection is what the service says of an open stream. What it does not say is zero.
type Connection struct {
	RequestID string    `json:"request_id"`
	Subject   string    `json:"subject"`
	Node      string    `json:"node"`
	Gateway   string    `json:"gateway"`
	Since     time.Time `json:"since"`
	State     string    `json:"state"`
	LagEvents int64     `json:"lag_events"`
	Waiting   int64     `json:"waiting_bytes"`
	// Origin says how it began.
	Origin *struct {
		Resumed bool   `json:"resumed"`
		Reset   string `json:"reset"` // why it could not go on where it was
	} `json:"origin"`
	// Whole is the same as the service has said it.
	Whole json.RawMessage `json:"-"`
}

// EachConnection calls each with the connections that f selects, until it returns false or
// there are no more, and returns the nodes that did not answer, whose connections are not among
// them. Errors: *Error, ErrUnreachable, that of each.
func (c *Client) EachConnection(ctx context.Context, f ConnectionFilter, each func(Connection) (more bool, err error)) (missing []string, err error) {
	q := url.Values{"limit": {"1000"}}
	for name, value := range map[string]string{"subject": f.Subject, "request_id": f.RequestID, "node": f.Node} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Behind {
		q.Set("behind", "true")
	}
	for {
		var page struct {
			Connections *[]json.RawMessage `json:"connections"`
			Next        string             `json:"next"`
			Missing     []string           `json:"missing"`
		}
		err := c.ask(ctx, http.MethodGet, paths.Connections+"?"+q.Encode(), nil, nil, &page)
		if err == nil && page.Connections == nil {
			err = fmt.Errorf("%w: it answered without connections", ErrUnreachable)
		}
		if err != nil {
			return missing, err
		}
		missing = page.Missing
		for _, whole := range *page.Connections {
			one := Connection{Whole: whole}
			if err := json.Unmarshal(whole, &one); err != nil {
				return missing, fmt.Errorf("%w: %w", ErrUnreachable, err)
			}
			if more, err := each(one); !more || err != nil {
				return missing, err
			}
		}
		if page.Next == "" {
			return missing, nil
		}
		q.Set("after", page.Next)
	}
}

// Disconnect ends the stream that has a request_id, if there is one. Errors: *Error,
// ErrUnreachable.
func (c *Client) Disconnect(ctx context.Context, requestID string) error {
	body, err := json.Marshal(map[string]string{"request_id": requestID})
	if err != nil {
		return fmt.Errorf("encode the request_id: %w", err)
	}
	return c.ask(ctx, http.MethodPost, paths.Connections+"/disconnect", nil, body, &struct{}{})
}
