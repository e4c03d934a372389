package gatewayrole

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"heliograph/adapters/internal/ginjson"
	"heliograph/adapters/internal/sse"
	"heliograph/domain/connection"
)

// maxIDBytes bounds the ID of an event. A browser sends the last one that it got
// as a header when it comes back, and servers and proxies bound their headers,
// some to 4 KiB in all: with a longer ID it could never come back.
const maxIDBytes = 1 << 10

// push is a POST /internal/send that makes sense.
type push struct {
	token connection.Token
	event *sse.Raw // nil: none
	close bool
}

// decodePush reads body, which is valid JSON. Fields that we do not know are
// ignored.
func decodePush(body []byte) (push, error) {
	if p, ok := decodeUsual(body); ok {
		return p, nil
	}
	return decodeAny(body)
}

// decodeUsual reads the push of an event that has no mistake, in one pass: a
// third of the time that decodeAny takes, and nearly all of what a gateway does.
func decodeUsual(body []byte) (p push, ok bool) {
	type wire struct{ ID, Name, Data *string }
	p.event = &sse.Raw{}
	ev := &wire{ID: &p.event.ID, Name: &p.event.Name} // a null makes them nil, and what is not there leaves them
	fields := struct {
		Token *connection.Token
		Event *wire
		Close *bool
	}{&p.token, ev, &p.close}
	if json.Unmarshal(body, &fields) != nil || fields.Token == nil || fields.Event == nil || fields.Close == nil {
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
	var fields struct{ Token, Event, Close json.RawMessage }
	if err := decodeObject(body, &fields); err != nil {
		return push{}, err
	}
	var p push
	if !read(fields.Token, &p.token) || p.token == "" {
		return push{}, bad("INVALID_TOKEN_MISSING", `"token" must be a string that is not empty`)
	}
	if fields.Event != nil {
		ev, err := decodeEvent(fields.Event)
		if err != nil {
			return push{}, err
		}
		p.event = &ev
	}
	if fields.Close != nil && !read(fields.Close, &p.close) {
		return push{}, bad("INVALID_CLOSE_TYPE", `"close" must be true or false`)
	}
	return p, nil
}

// broadcast is a POST /internal/broadcast that makes sense.
type broadcast struct {
	event  sse.Raw
	all    bool // otherwise to tokens
	tokens []connection.Token
}

// decodeBroadcast is as decodePush.
func decodeBroadcast(body []byte) (broadcast, error) {
	var fields struct{ Event, Tokens json.RawMessage }
	if err := decodeObject(body, &fields); err != nil {
		return broadcast{}, err
	}
	ev, err := decodeEvent(fields.Event)
	if err != nil {
		return broadcast{}, err
	}
	b := broadcast{event: ev, all: fields.Tokens == nil}
	if !b.all && !read(fields.Tokens, &b.tokens) {
		return broadcast{}, bad("INVALID_TOKENS_TYPE", `"tokens" must be a list of strings`)
	}
	return b, nil
}

func decodeEvent(raw json.RawMessage) (sse.Raw, error) {
	var fields *struct{ ID, Name, Data json.RawMessage }
	if !read(raw, &fields) {
		return sse.Raw{}, bad("INVALID_EVENT_TYPE", `"event" must be an object`)
	}
	var ev sse.Raw
	if !read(fields.Data, &ev.Data) {
		return sse.Raw{}, bad("INVALID_EVENT_DATA_MISSING", `"data" of the event must be a string`)
	}
	if fields.Name != nil && !readLine(fields.Name, &ev.Name) {
		return sse.Raw{}, bad("INVALID_EVENT_NAME_TYPE", `"name" of the event must be a string without line breaks`)
	}
	if fields.ID != nil && !readLine(fields.ID, &ev.ID) {
		return sse.Raw{}, bad("INVALID_EVENT_ID_TYPE", `"id" of the event must be a string without line breaks`)
	}
	if len(ev.ID) > maxIDBytes {
		return sse.Raw{}, bad("INVALID_EVENT_ID_LENGTH", fmt.Sprintf(`"id" of the event must have at most %d bytes`, maxIDBytes))
	}
	return ev, nil
}

func decodeObject(body []byte, fields any) error {
	if body[0] == 'n' || json.Unmarshal(body, fields) != nil { // null would be an object without fields
		return ginjson.InvalidPayload("the body must be an object")
	}
	return nil
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
