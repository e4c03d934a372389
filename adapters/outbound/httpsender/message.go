package httpsender

import (
	"bytes"
	"encoding/json"
	"fmt"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// message is one event as it waits and leaves. Once it has left the trunk it is
// immutable, but for the ID of a private one.
type message struct {
	*body

	token    connection.Token   // of a private event; "" is a log or a control event
	audience *access.Audience   // of a log event; nil is everyone
	tokens   []connection.Token // the streams that it was taken for, if not for all; nil before that
	whole    *message           // what this is, or is a part of, before it was taken for some streams
	part     int                // which part it is, from 0
	parts    int                // how many there are
	id       event.ID           // zero: it carries none
	leftOut  event.ID           // what was handed over before it up to here was left out, if it was for nobody
	closing  bool               // ends the stream
	tries    int                // how often that was tried in vain
	repeated bool               // was sent before, with this id, and not answered
	replay   bool               // a log event that the client missed, sent before its stream is open
	late     bool               // was counted as failed, because it had to wait for the gateway
	next     gateway.Parts      // gives what follows once the gateway has this; nil if nothing does
}

// body is an event's part of the wire, which all its messages share. It is
// immutable.
type body struct {
	ev     event.Event
	fields []byte // of the event's JSON object, all but its id; none for a message without an event
}

// named reports whether m was taken for the streams of its tokens only.
func (m *message) named() bool { return m.tokens != nil }

// seenByAll reports whether m is for every stream. Those that see one task only get
// versions, but nothing else that is for everyone.
func (m *message) seenByAll() bool {
	return !m.private() && m.audience == nil && (m.ev.Control() || m.ev.Service == event.ServiceVersion)
}

// visibleTo reports whether m, a log or a control event, is for what v sees.
func (m *message) visibleTo(v access.Viewer) bool { return m.seenByAll() || m.audience.Includes(v) }

// private reports whether m is for one stream; any other is a log or a control event.
func (m *message) private() bool { return m.token != "" }

// delayed is m, which could not be sent in time.
func (m *message) delayed() *message {
	late := *m
	late.late = true
	return &late
}

// again is m, which ends a stream, after it was tried in vain.
func (m *message) again() *message {
	next := *m
	next.tries++
	return &next
}

// carriesPlace reports whether m, a private event, names the log event before it
// (rules G2, G3).
func (m *message) carriesPlace() bool {
	return m.private() && (!m.ev.Control() || m.ev.Name == stream.NameReset)
}

// replaces reports whether older may be left out once m is there (rule E10).
func (m *message) replaces(older *message) bool {
	return m.ev.Key != "" && m.ev.Key == older.ev.Key && m.token == older.token && !m.closing && !older.closing
}

// conflates reports whether a newer event may take m's place.
func (m *message) conflates() bool { return m.ev.Key != "" && !m.closing }

// push returns the body of POST /internal/send, in one piece: net/http sends
// headers and body together only if it knows that the body is in memory.
func (m *message) push(token connection.Token, ids bool) []byte {
	quoted, _ := json.Marshal(token) // a string is always JSON
	b := make([]byte, 0, len(quoted)+len(m.fields)+128)
	b = append(b, `{"token":`...)
	b = append(b, quoted...)
	if len(m.fields) > 0 {
		b = m.appendEvent(append(b, ','), ids)
	}
	if m.closing {
		return append(b, `,"close":true}`...)
	}
	return append(b, `,"close":false}`...)
}

// broadcast returns the body of POST /internal/broadcast.
func (m *message) broadcast(ids bool) []byte {
	b := make([]byte, 0, m.size()+128)
	b = m.appendEvent(append(b, '{'), ids)
	if m.named() {
		tokens, _ := json.Marshal(m.tokens) // strings are always JSON
		b = append(b, `,"tokens":`...)
		b = append(b, tokens...)
	}
	return append(b, '}')
}

// size is about how many bytes the body of m has.
func (m *message) size() int { return len(m.fields) + tokenBytes(m.tokens) }

func tokenBytes(tokens []connection.Token) (n int) {
	for _, token := range tokens {
		n += len(token) + len(`"",`)
	}
	return n
}

// maxTokens bounds the tokens of one request, in bytes, so that there is room for the
// event.
const maxTokens = gateway.MaxBody / 2

// addressTo returns what takes m to these streams: it, or several if there are too many
// for one request.
func (m *message) addressTo(tokens []connection.Token) (parts []*message) {
	for rest := tokens; ; {
		n, size := 0, 0
		for n < len(rest) && (n == 0 || size+tokenBytes(rest[n:n+1]) <= maxTokens) {
			size += tokenBytes(rest[n : n+1])
			n++
		}
		part := *m
		part.tokens, part.whole, part.part = rest[:n:n], m, len(parts)
		parts = append(parts, &part)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	for _, part := range parts {
		part.parts = len(parts)
	}
	return parts
}

func (m *message) appendEvent(b []byte, ids bool) []byte {
	b = append(b, `"event":{`...)
	b = append(b, m.fields...)
	if ids && !m.id.IsZero() {
		b = append(b, `,"id":"`...)
		b = append(m.id.AppendTo(b), '"')
	}
	return append(b, '}')
}

// partOf makes a message of the next part of a state, whose body all streams share; nil if
// there is none. Errors: event.ErrInvalid.
func partOf(token connection.Token, next gateway.Parts) (*message, error) {
	part, more := next()
	if part == nil {
		return nil, nil //nolint:nilnil // as said
	}
	body, err := gateway.Encoded(part, encode)
	m := &message{body: body, token: token}
	if more {
		m.next = next
	}
	return m, err
}

// wireEvent is the JSON of an event without its id.
type wireEvent struct {
	Name string `json:"name"`
	Data string `json:"data"`
}

// encode makes the body of ev. Errors: event.ErrInvalid.
func encode(ev event.Event) (*body, error) {
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // \u003c for < would be five bytes more towards the gateway's limit (rule E8)
	if err := enc.Encode(wireEvent{Name: ev.Name, Data: string(ev.Data)}); err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrInvalid, err)
	}
	fields := bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte("{")), []byte("}\n"))
	return &body{ev: ev, fields: fields}, nil
}

// newReset returns the event that tells a client to fetch the state again, since
// it cannot get all that it missed (rule G3).
func newReset(token connection.Token, reason stream.ResetReason) *message {
	body, _ := encode(stream.Reset(reason))
	return &message{body: body, token: token}
}

// newEnd returns what ends a stream without a word: its client comes back by itself.
func newEnd(token connection.Token) *message {
	return &message{body: &body{}, token: token, closing: true}
}

// newQuestion returns what asks the gateway whether it knows a token.
func newQuestion(token connection.Token) *message { return &message{body: &body{}, token: token} }

// isQuestion reports whether m asks for a token only.
func (m *message) isQuestion() bool { return len(m.fields) == 0 && !m.closing }
