package natsbroker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// send is jetstream.Publisher.PublishMsg without options, for less: there are five of
// them in a task. ctx has a deadline.
func (b *Broker) send(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	answer, err := b.conn.nc.RequestMsgWithContext(ctx, msg)
	if errors.Is(err, nats.ErrNoResponders) {
		return b.js.PublishMsg(ctx, msg) // which tries again
	}
	if err != nil {
		return nil, err
	}
	return decodeAnswer(answer.Data)
}

// decodeAnswer reads the answer to a message for a stream.
func decodeAnswer(text []byte) (*jetstream.PubAck, error) {
	if ack, ok := plainAck(text); ok {
		return ack, nil
	}
	var answer struct {
		*jetstream.PubAck

		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, jetstream.ErrInvalidJSAck
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("nats: %w", answer.Error)
	}
	if answer.PubAck == nil || answer.Stream == "" {
		return nil, jetstream.ErrInvalidJSAck
	}
	return answer.PubAck, nil
}

// plainAck reads what servers answer mostly: {"stream":"S","seq":1}, perhaps with spaces.
func plainAck(text []byte) (ack *jetstream.PubAck, ok bool) {
	rest, ok1 := bytes.CutPrefix(text, []byte(`{"stream":"`))
	stream, rest, ok2 := bytes.Cut(rest, []byte(`"`))
	rest, ok3 := bytes.CutPrefix(bytes.TrimLeft(rest, ", "), []byte(`"seq":`))
	digits, ok4 := bytes.CutSuffix(bytes.TrimLeft(rest, " "), []byte(`}`))
	if !ok1 || !ok2 || !ok3 || !ok4 || len(stream) == 0 || bytes.IndexByte(stream, '\\') >= 0 {
		return nil, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return &jetstream.PubAck{Stream: string(stream), Sequence: seq}, err == nil
}
