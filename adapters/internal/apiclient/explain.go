package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"heliograph/adapters/http/paths"
	"heliograph/domain/diagnosis"
)

// Explained is what the service knows of a stream.
type Explained struct {
	RequestID string     `json:"request_id"`
	Subject   string     `json:"subject"`
	Node      string     `json:"node"`
	Gateway   string     `json:"gateway"`
	Since     *time.Time `json:"since"`
	Origin    struct {
		Resumed bool   `json:"resumed"`
		Reset   string `json:"reset"`
	} `json:"origin"`
	Lag     int    `json:"lag_events"`
	Waiting int    `json:"waiting_bytes"`
	State   string `json:"state"`
	Ended   *struct {
		At     time.Time `json:"at"`
		Reason string    `json:"reason"`
	} `json:"ended"`
	Fates []struct {
		At        time.Time `json:"at"`
		Fate      string    `json:"fate"`
		EventID   string    `json:"event_id"`
		UpTo      string    `json:"up_to"`
		EventType string    `json:"event_type"`
		Count     int       `json:"count"`
		Why       string    `json:"why"`
	} `json:"fates"`
	Findings []diagnosis.Finding `json:"findings"`
	Missing  []string            `json:"missing"`
}

// Explain returns what is known of a request_id, read and as it came; event is the ID of one that is missed, "" for none.
// Errors: *Error, ErrUnreachable.
func (c *Client) Explain(ctx context.Context, requestID, event string) (e Explained, whole json.RawMessage, err error) {
	path := paths.Connections + "/" + url.PathEscape(requestID)
	if event != "" {
		path += "?event=" + url.QueryEscape(event)
	}
	if err := c.ask(ctx, http.MethodGet, path, nil, nil, &whole); err != nil {
		return e, nil, err
	}
	if err := json.Unmarshal(whole, &e); err != nil || e.RequestID == "" {
		return e, nil, fmt.Errorf("%w: it answered without a connection", ErrUnreachable)
	}
	return e, whole, nil
}
