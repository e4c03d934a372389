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
	query       string               // of the client's request for a stream, raw; of a connect, as the next two
	header      http.Header          // of that request
	lastEventID string               // "" when the client brings none
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
		err = fields.readRequest(&msg)
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

// readRequest reads what the client has asked the gateway for. Errors: *ginjson.Error.
func (o object) readRequest(msg *message) error {
	var request object
	if ginjson.Decode(o["request"], &request) != nil || request == nil {
		return ginjson.InvalidPayload(`"request" must be an object`)
	}
	target, err := request.text("url")
	if err != nil {
		return err
	}
	_, msg.query, _ = strings.Cut(target, "?")
	if msg.requestID, err = streamurl.RequestID(msg.query); err != nil {
		return err
	}
	msg.header = request.headers()
	msg.lastEventID = streamurl.LastEventID(msg.header.Values("Last-Event-ID"), msg.query)
	return nil
}

// headers returns the client's headers. Their names are in lower case: others count as
// absent, and so do those with a value that is neither a string nor a list of strings.
func (o object) headers() http.Header {
	var fields object
	_ = ginjson.Decode(o["headers"], &fields)
	header := make(http.Header, len(fields))
	for name, raw := range fields {
		if name != strings.ToLower(name) {
			continue
		}
		var one string
		if ginjson.Decode(raw, &one) == nil {
			header.Add(name, one)
			continue
		}
		var several []string
		_ = ginjson.Decode(raw, &several)
		for _, value := range several {
			header.Add(name, value)
		}
	}
	return header
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
