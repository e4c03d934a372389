package ginapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/paths"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/stream"
)

// ConnectionsPath lists the open streams.
const ConnectionsPath = paths.Connections

const (
	// defaultConnections and maxConnections are how many streams a page has at most.
	defaultConnections = 100
	maxConnections     = 1000
)

// Connections holds the handlers for operators who look at streams (rules W6, W8). It is safe
// for concurrent use.
type Connections struct {
	service diagnosis.Service
	log     *slog.Logger
}

// NewConnections returns a Connections. It starts nothing.
func NewConnections(service diagnosis.Service, log *slog.Logger) *Connections {
	return &Connections{service: service, log: log}
}

// Register adds the routes to r, which is the root.
func (h *Connections) Register(r gin.IRouter) { r.GET(ConnectionsPath, handle(h.log, h.list)) }

// connectionJSON is the JSON of a connection.
type connectionJSON struct {
	RequestID connection.RequestID `json:"request_id"`
	Subject   string               `json:"subject,omitempty"`
	Node      string               `json:"node"`
	Gateway   diagnosis.Gateway    `json:"gateway"`
	Since     *time.Time           `json:"since,omitempty"`
	Origin    *originJSON          `json:"origin,omitempty"`
	Lag       int                  `json:"lag_events"`
	Waiting   int                  `json:"waiting_bytes"`
	State     diagnosis.State      `json:"state,omitempty"`
}

// originJSON is the JSON of how a stream began.
type originJSON struct {
	Resumed bool               `json:"resumed"`
	Reset   stream.ResetReason `json:"reset,omitempty"`
}

func connectionOf(c diagnosis.Connection) connectionJSON {
	j := connectionJSON{
		RequestID: c.RequestID, Subject: c.Subject, Node: c.Node, Gateway: c.Gateway, Lag: c.Stream.Lag, Waiting: c.Stream.Waiting, State: c.Stream.State,
		Origin: &originJSON{Resumed: c.Stream.Resumed, Reset: c.Stream.Reset},
	}
	if !c.Since.IsZero() {
		j.Since = &c.Since
	}
	return j
}

func (h *Connections) list(c *gin.Context) error {
	values, err := parseValues(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	q := diagnosis.Query{
		Subject: values.Get("subject"), Prefix: values.Get("request_id"), Node: values.Get("node"), After: values.Get("after"), Limit: defaultConnections,
	}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxConnections {
			return invalidQuery(fmt.Sprintf("limit must be a whole number from 1 to %d", maxConnections))
		}
	}
	page, err := h.service.List(c.Request.Context(), q)
	if err != nil {
		return err
	}
	list := make([]connectionJSON, len(page.Connections))
	for i, found := range page.Connections {
		list[i] = connectionOf(found)
	}
	c.Header("Cache-Control", "no-store")
	return reply(c, http.StatusOK, struct {
		Connections []connectionJSON `json:"connections"`
		Total       int              `json:"total"`
		Next        string           `json:"next,omitempty"`
		Missing     []string         `json:"missing,omitempty"`
	}{list, page.Total, page.Next, page.Missing})
}
