package ginapi

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/appevent"
	"heliograph/domain/connection"
)

// Events holds the handler for events of the application's own (rule E11). It is safe for
// concurrent use.
type Events struct {
	events appevent.Service
	log    *slog.Logger
}

// NewEvents returns an Events. It starts nothing.
func NewEvents(events appevent.Service, log *slog.Logger) *Events {
	return &Events{events: events, log: log}
}

// Register adds the route to r, which is the root.
func (e *Events) Register(r gin.IRouter) { r.POST(paths.Events, handle(e.log, e.publish)) }

const wantEvent = `the body must be an object with a string "name", any JSON as "data" and, if wanted, either an "audience" or a string "request_id"`

// eventBody is the body of an event.
type eventBody struct {
	Name      string          `json:"name"`
	Data      json.RawMessage `json:"data"` // nil without one
	Audience  json.RawMessage `json:"audience"`
	RequestID *string         `json:"request_id"`
}

// request returns the body as the service takes it. Errors: *ginjson.Error,
// appevent.ErrInvalidName, access.ErrInvalidAudience, connection.ErrInvalidRequestID.
func (b eventBody) request(key string) (r appevent.Request, err error) {
	if err := appevent.CheckName(b.Name); err != nil {
		return r, err
	}
	audience, err := parseAudience(b.Audience)
	if b.Data == nil || audience.Given && b.RequestID != nil {
		return r, ginjson.InvalidPayload(wantEvent)
	}
	r = appevent.Request{Name: b.Name, Data: b.Data, Audience: audience, Key: key}
	if err == nil && b.RequestID != nil {
		r.RequestID, err = connection.ParseRequestID(*b.RequestID)
	}
	return r, err
}

func (e *Events) publish(c *gin.Context) error {
	var body eventBody
	if err := decode(c, &body, wantEvent); err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	r, err := body.request(key)
	if err != nil {
		return err
	}
	receipt, err := e.events.Publish(c.Request.Context(), r)
	if err != nil {
		return err
	}
	answer := struct {
		ID        *string `json:"id"` // null for a private event
		Delivered bool    `json:"delivered"`
	}{Delivered: receipt.Delivered}
	if !receipt.ID.IsZero() {
		answer.ID = new(receipt.ID.String())
	}
	return reply(c, http.StatusAccepted, answer)
}
