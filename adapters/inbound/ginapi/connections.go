package ginapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// The paths of Connections.
const (
	ConnectionsPath = paths.Connections
	ConnectionPath  = paths.Connections + "/:request_id"
	ReportPath      = paths.Connections + "/:request_id/report"
)

// maxReport bounds the body of a report, in bytes.
const maxReport = 4 << 10

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
func (h *Connections) Register(r gin.IRouter) {
	r.GET(ConnectionsPath, handle(h.log, h.list))
	r.GET(ConnectionPath, handle(h.log, h.explain))
	r.POST(ReportPath, handle(h.log, h.report))
}

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
	Ended     *endJSON             `json:"ended,omitempty"`
}

// endJSON is the JSON of how a stream ended.
type endJSON struct {
	At     time.Time         `json:"at"`
	Reason connection.Reason `json:"reason"`
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
	if c.Ended != nil {
		j.Ended = &endJSON{c.Ended.At, c.Ended.Reason}
	}
	return j
}

// fateJSON is the JSON of a fate.
type fateJSON struct {
	At        time.Time      `json:"at"`
	Fate      diagnosis.Kind `json:"fate"`
	EventID   string         `json:"event_id,omitempty"`
	UpTo      string         `json:"up_to,omitempty"`
	EventType string         `json:"event_type,omitempty"`
	Count     int            `json:"count,omitempty"`
	Why       string         `json:"why,omitempty"`
}

func fatesOf(fates []diagnosis.Fate) []fateJSON {
	list := make([]fateJSON, len(fates))
	for i, f := range fates {
		list[i] = fateJSON{At: f.At, Fate: f.Kind, EventType: f.Type, Count: f.Count, Why: f.Why}
		switch {
		case f.First.IsZero():
		case f.First == f.Last && f.Count > 1: // which was the first is not known
			list[i].UpTo = f.Last.String()
		default:
			list[i].EventID = f.First.String()
			if f.Last != f.First {
				list[i].UpTo = f.Last.String()
			}
		}
	}
	return list
}

func (h *Connections) explain(c *gin.Context) error {
	id, err := connection.ParseRequestID(c.Param("request_id"))
	if err != nil {
		return err
	}
	values, err := parseValues(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	var asked event.ID
	if text := values.Get("event"); text != "" {
		if asked, err = event.ParseID(text); err != nil {
			return invalidQuery("event must be the ID of an event")
		}
	}
	d, err := h.service.Explain(c.Request.Context(), id, asked)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	return reply(c, http.StatusOK, struct {
		connectionJSON

		Fates    []fateJSON          `json:"fates"`
		Report   *diagnosis.Report   `json:"report,omitempty"`
		Findings []diagnosis.Finding `json:"findings"`
		Missing  []string            `json:"missing,omitempty"`
	}{connectionOf(d.Connection), fatesOf(d.Fates), d.Report, append([]diagnosis.Finding{}, d.Findings...), d.Missing})
}

func (h *Connections) report(c *gin.Context) error {
	const want = "the body must be an object with what the client knows of itself, as the API's description says"
	id, err := connection.ParseRequestID(c.Param("request_id"))
	if err != nil {
		return err
	}
	text, err := ginjson.ReadUpTo(c, maxReport)
	if err != nil {
		return err
	}
	var r diagnosis.Report
	if err := ginjson.Decode(text, &r); err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return ginjson.InvalidPayload(want)
	}
	if err := h.service.Report(c.Request.Context(), id, r); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "thank you"})
}

func (h *Connections) list(c *gin.Context) error {
	values, err := parseValues(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	q := diagnosis.Query{
		Subject: values.Get("subject"), Prefix: values.Get("request_id"), Node: values.Get("node"), After: values.Get("after"),
	}
	switch text := values.Get("behind"); text {
	case "", "false":
	case "true":
		q.Behind = true
	default:
		return invalidQuery("behind must be true or false")
	}
	if q.Limit, err = parseNumber(values, "limit", defaultEntries, maxEntries); err != nil {
		return err
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
