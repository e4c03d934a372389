package gatewayrole

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/ginjson"
	"heliograph/domain/connection"
)

// maxIDBytes bounds the ID of an event. A browser sends the last one that it got
// as a header when it comes back, and servers and proxies bound their headers,
// some to 4 KiB in all: with a longer ID it could never come back.
const maxIDBytes = 1 << 10

// push is a POST /internal/send that makes sense.
type push struct {
	token connection.Token
	event *wire.Raw // nil: none
	close bool
}

// decodePush reads body, which is valid JSON. Fields that we do not know are
// ignored; the names of those that we know count only as they are written, and of
// two with one name the last, as in Node.js.
func decodePush(body []byte) (push, error) {
	if p, ok := decodeUsual(body); ok {
		return p, nil
	}
	return decodeAny(body)
}

type wireEvent struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
	Data *string `json:"data"`
}

// decodeUsual reads the push of an event that has no mistake, in one pass: a
// third of the time that decodeAny takes, and nearly all of what a gateway does.
// Unlike encoding/json, this decoder is exact about names, and refuses those that
// come twice.
func decodeUsual(body []byte) (p push, ok bool) {
	p.event = &wire.Raw{}
	ev := &wireEvent{ID: &p.event.ID, Name: &p.event.Name} // a null makes them nil, and what is not there leaves them
	fields := struct {
		Token *connection.Token `json:"token"`
		Event *wireEvent        `json:"event"`
		Close *bool             `json:"close"`
	}{&p.token, ev, &p.close}
	if jsonv2.Unmarshal(body, &fields) != nil || fields.Token == nil || fields.Event == nil || fields.Close == nil {
		return p, false
	}
	if p.token == "" || ev.Data == nil || ev.Name == nil || ev.ID == nil || !oneLine(p.event.Name) || !oneLine(p.event.ID) || len(p.event.ID) > maxIDBytes {
		return p, false
	}
	p.event.Data = *ev.Data
	return p, true
}

// decodeAny finds mistakes in the protocol's order.
func decodeAny(body []byte) (push, error) {
	fields, err := decodeObject(body)
	if err != nil {
		return push{}, err
	}
	var p push
	if !read(fields["token"], &p.token) || p.token == "" {
		return push{}, bad("INVALID_TOKEN_MISSING", `"token" must be a string that is not empty`)
	}
	if event := fields["event"]; event != nil {
		ev, err := decodeEvent(event)
		if err != nil {
			return push{}, err
		}
		p.event = &ev
	}
	if closing := fields["close"]; closing != nil && !read(closing, &p.close) {
		return push{}, bad("INVALID_CLOSE_TYPE", `"close" must be true or false`)
	}
	return p, nil
}

// broadcast is a POST /internal/broadcast that makes sense.
type broadcast struct {
	event  wire.Raw
	all    bool // otherwise to tokens
	tokens []connection.Token
}

// decodeBroadcast is as decodePush.
func decodeBroadcast(body []byte) (broadcast, error) {
	fields, err := decodeObject(body)
	if err != nil {
		return broadcast{}, err
	}
	ev, err := decodeEvent(fields["event"])
	if err != nil {
		return broadcast{}, err
	}
	b := broadcast{event: ev, all: fields["tokens"] == nil}
	if !b.all && !read(fields["tokens"], &b.tokens) {
		return broadcast{}, bad("INVALID_TOKENS_TYPE", `"tokens" must be a list of strings`)
	}
	return b, nil
}

func decodeEvent(raw json.RawMessage) (wire.Raw, error) {
	var fields map[string]json.RawMessage
	if !read(raw, &fields) {
		return wire.Raw{}, bad("INVALID_EVENT_TYPE", `"event" must be an object`)
	}
	var ev wire.Raw
	if !read(fields["data"], &ev.Data) {
		return wire.Raw{}, bad("INVALID_EVENT_DATA_MISSING", `"data" of the event must be a string`)
	}
	if name := fields["name"]; name != nil && !readLine(name, &ev.Name) {
		return wire.Raw{}, bad("INVALID_EVENT_NAME_TYPE", `"name" of the event must be a string without line breaks`)
	}
	if id := fields["id"]; id != nil && !readLine(id, &ev.ID) {
		return wire.Raw{}, bad("INVALID_EVENT_ID_TYPE", `"id" of the event must be a string without line breaks`)
	}
	if len(ev.ID) > maxIDBytes {
		return wire.Raw{}, bad("INVALID_EVENT_ID_LENGTH", fmt.Sprintf(`"id" of the event must have at most %d bytes`, maxIDBytes))
	}
	return ev, nil
}

// decodeObject returns the fields of an object. Unlike those of a struct, names
// are exact.
func decodeObject(body []byte) (fields map[string]json.RawMessage, err error) {
	if json.Unmarshal(body, &fields) != nil || fields == nil { // null has no fields
		return nil, ginjson.InvalidPayload("the body must be an object")
	}
	return fields, nil
}

// read reports whether raw is there, is not null, and could be read into v.
func read(raw json.RawMessage, v any) bool {
	return raw != nil && raw[0] != 'n' && json.Unmarshal(raw, v) == nil
}

// readLine is read for a string that has to stay on one line.
func readLine(raw json.RawMessage, v *string) bool {
	return read(raw, v) && oneLine(*v)
}

func oneLine(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }

func bad(code, message string) error {
	return &ginjson.Error{Status: http.StatusBadRequest, Code: code, Message: message}
}
