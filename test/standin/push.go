package standin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// pushed is a push that was understood.
type pushed struct {
	token      string
	hasEvent   bool
	name, data string
	id         string
	close      bool
	toAll      bool // a broadcast
	began      time.Time
}

func (g *Gateway) push(w http.ResponseWriter, r *http.Request) {
	p, refused := parsePush(r)
	if refused != nil {
		refuse(w, refused.status, refused.code, refused.message)
		return
	}
	s := g.find(p.token)
	done := g.recordPush(p, s, r)
	status, buffered := g.deliver(r, s, p)
	done(status)
	switch status {
	case 0: // the backend has hung up
	case http.StatusOK:
		answer(w, status, map[string]string{"status": map[bool]string{false: "ok", true: "buffered"}[buffered]})
	case http.StatusNotFound:
		refuse(w, status, "TOKEN_NOT_FOUND", "no stream has this token")
	default:
		refuse(w, status, "WRITE_FAILED", "the event could not be written")
	}
}

// deliver does what p says, unless a fault is in the way. Status 0 means that
// nothing waits for an answer any more.
func (g *Gateway) deliver(r *http.Request, s *stream, p pushed) (status int, buffered bool) {
	if s == nil {
		return http.StatusNotFound, false
	}
	fault, err := g.suffer(r.Context(), s)
	switch {
	case err != nil:
		return 0, false
	case fault.Status != 0:
		return fault.Status, false
	}
	buffered, err = s.send(p)
	switch {
	case errors.Is(err, errEnded):
		return http.StatusNotFound, false
	case err != nil:
		return http.StatusInternalServerError, false
	}
	return http.StatusOK, buffered
}

// lineBreaks makes every kind of line break the same.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// frame returns the event in the format "named".
func (p pushed) frame() string {
	if !p.hasEvent {
		return ""
	}
	var frame strings.Builder
	if p.name != "" {
		frame.WriteString("event: " + p.name + "\n")
	}
	if p.id != "" {
		frame.WriteString("id: " + p.id + "\n")
	}
	for line := range strings.SplitSeq(lineBreaks.Replace(p.data), "\n") {
		frame.WriteString("data: " + line + "\n")
	}
	return frame.String() + "\n"
}

// maxPush is the limit of a push's body, in bytes: that of a gateway in the
// field.
const maxPush = 100_000

// parsePush reads and checks a push in the protocol's order.
func parsePush(r *http.Request) (pushed, *refusal) {
	body, err := object(r)
	if err != nil {
		return pushed{}, bad("INVALID_JSON", "the body is no JSON object, or too large")
	}
	p := pushed{began: time.Now()}
	if !read(body["token"], &p.token) || p.token == "" {
		return pushed{}, bad("INVALID_TOKEN_MISSING", "token must be a string")
	}
	if event, there := body["event"]; there {
		if refused := parseEvent(event, &p); refused != nil {
			return pushed{}, refused
		}
	}
	if raw, there := body["close"]; there && !read(raw, &p.close) {
		return pushed{}, bad("INVALID_CLOSE_TYPE", "close must be a boolean")
	}
	return p, nil
}

// object returns the body's members. A body of another media type has none, as
// in the gateways in the field.
func object(r *http.Request) (members map[string]json.RawMessage, err error) {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/json" {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxPush))
	if err != nil {
		return nil, err
	}
	return members, json.Unmarshal(body, &members)
}

func parseEvent(raw json.RawMessage, p *pushed) *refusal {
	var event map[string]json.RawMessage // exact names, which a struct would not ask for
	if !read(raw, &event) {
		return bad("INVALID_EVENT_TYPE", "event must be an object")
	}
	if !read(event["data"], &p.data) {
		return bad("INVALID_EVENT_DATA_MISSING", "event.data must be a string")
	}
	if name, there := event["name"]; there && !read(name, &p.name) {
		return bad("INVALID_EVENT_NAME_TYPE", "event.name must be a string")
	}
	_ = read(event["id"], &p.id)
	p.hasEvent = true
	return nil
}

func bad(code, message string) *refusal { return &refusal{http.StatusBadRequest, code, message} }

// read reports whether raw is there, not null, and of v's type.
func read(raw json.RawMessage, v any) bool {
	return raw != nil && string(raw) != "null" && json.Unmarshal(raw, v) == nil
}
