package httpsender

import (
	"bytes"
	"encoding/json"
	"fmt"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// message is one event as it waits and leaves, encoded once for all streams. It
// is immutable.
type message struct {
	service event.Service
	key     string
	closing bool
	rest    []byte // of the push's JSON, all that follows the token
}

// pushed is the body of POST /internal/send without its token.
type pushed struct {
	Event wireEvent `json:"event"`
	Close bool      `json:"close"`
}

type wireEvent struct {
	Name string `json:"name"`
	Data string `json:"data"`
}

// encode makes the message of ev, which ends the stream if closing. Errors:
// event.ErrInvalid.
func encode(ev event.Event, closing bool) (*message, error) {
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // \u003c for < would be five bytes more towards the gateway's limit (rule E8)
	if err := enc.Encode(pushed{Event: wireEvent{Name: ev.Name, Data: string(ev.Data)}, Close: closing}); err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrInvalid, err)
	}
	rest := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	rest[0] = ',' // was the opening brace, which stands before the token
	m := &message{service: ev.Service, key: ev.Key, closing: closing, rest: rest}
	if closing {
		m.key = "" // nothing takes the place of a stream's end
	}
	return m, nil
}

// body returns the JSON of one push, in one piece: net/http sends headers and
// body together only if it knows that the body is in memory.
func (m *message) body(token connection.Token) []byte {
	const opening = `{"token":`
	quoted, _ := json.Marshal(token) // a string is always JSON
	b := make([]byte, 0, len(opening)+len(quoted)+len(m.rest))
	b = append(b, opening...)
	b = append(b, quoted...)
	return append(b, m.rest...)
}
