package gincallback

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/connection"
)

// The actions of the gateway protocol.
const (
	actionConnect    = "connect"
	actionDisconnect = "disconnect"
)

// maxTokenLength bounds a token, in bytes, because tokens are stored. Gateways use
// UUIDs.
const maxTokenLength = 256

// message is a valid callback.
type message struct {
	action      string
	token       connection.Token
	requestID   connection.RequestID // of a connect
	lastEventID string               // of a connect; "" when its client brings none
	reason      connection.Reason    // of a disconnect; "" when it gives none
}

// object is a JSON object whose fields are decoded one by one, so that fields that
// are not used may have any type.
type object map[string]json.RawMessage

// decode reads body, which is valid JSON. Errors: *ginjson.Error with
// INVALID_PAYLOAD or UNKNOWN_ACTION, connection.ErrInvalidRequestID.
func decode(body []byte) (message, error) {
	var fields object
	if ginjson.Decode(body, &fields) != nil || fields == nil {
		return message{}, ginjson.InvalidPayload("the body must be an object")
	}
	action, err := fields.text("action")
	if err != nil {
		return message{}, err
	}
	token, err := fields.text("token")
	if err != nil {
		return message{}, err
	}
	if len(token) > maxTokenLength {
		return message{}, ginjson.InvalidPayload(fmt.Sprintf(`"token" is longer than %d bytes`, maxTokenLength))
	}
	msg := message{action: action, token: connection.Token(token)}
	switch action {
	case actionConnect:
		msg.requestID, msg.lastEventID, err = fields.request()
	case actionDisconnect:
		msg.reason, err = fields.reason()
	default:
		err = &ginjson.Error{
			Status: http.StatusBadRequest, Code: "UNKNOWN_ACTION",
			Message: `"action" must be "connect" or "disconnect"`,
		}
	}
	return msg, err
}

// request reads the client's request: the URL, a raw target of path and query,
// and of the headers the one that says where it left off (rule G6).
func (o object) request() (id connection.RequestID, lastEventID string, err error) {
	var request object
	if ginjson.Decode(o["request"], &request) != nil || request == nil {
		return "", "", ginjson.InvalidPayload(`"request" must be an object`)
	}
	target, err := request.text("url")
	if err != nil {
		return "", "", err
	}
	_, query, _ := strings.Cut(target, "?")
	if id, err = streamurl.RequestID(query); err != nil {
		return "", "", err
	}
	return id, streamurl.LastEventID(request.header("last-event-id"), query), nil
}

// header returns the values of a request's header, by its name in lower case.
// A value of a type that the protocol does not have counts as absent: the client
// then gets the current state instead of the events that it missed.
func (o object) header(name string) []string {
	var headers object
	_ = ginjson.Decode(o["headers"], &headers)
	var one string
	if ginjson.Decode(headers[name], &one) == nil {
		return []string{one}
	}
	var several []string
	_ = ginjson.Decode(headers[name], &several)
	return several
}

// reason returns why the stream ended, in the gateway's words.
func (o object) reason() (connection.Reason, error) {
	var reason connection.Reason
	if raw, given := o["reason"]; given && ginjson.Decode(raw, &reason) != nil {
		return "", ginjson.InvalidPayload(`"reason" must be a string`)
	}
	return reason, nil
}

// text returns a field that must be a string with something in it.
func (o object) text(name string) (string, error) {
	var s string
	if ginjson.Decode(o[name], &s) != nil || s == "" {
		return "", ginjson.InvalidPayload(fmt.Sprintf("%q must be a string that is not empty", name))
	}
	return s, nil
}
