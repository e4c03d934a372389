package natsoutput

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/output"
)

// headerName is the message header that holds all of a record but the text, which is the
// message's own.
const headerName = "Heliograph-Output"

// recordFormat grows when an earlier version must not read the records any more.
const recordFormat = 1

// record is the header, as JSON.
type record struct {
	Format   int   `json:"format"`
	Offset   int64 `json:"offset"`
	Messages int   `json:"messages"` // of the block, up to this one and since they became one; 0: no text of the output is left
}

// message is one message of the stream.
type message struct {
	subject  string
	sequence uint64 // once it is stored
	piece    output.Piece
	messages int
}

func (m message) encode() *nats.Msg {
	msg := nats.NewMsg(m.subject)
	msg.Data = m.piece.Text
	header, _ := json.Marshal(record{recordFormat, m.piece.Offset, m.messages}) // numbers can be written
	msg.Header.Set(headerName, string(header))
	return msg
}

func decode(raw *jetstream.RawStreamMsg) (message, error) {
	var r record
	if err := json.Unmarshal([]byte(raw.Header.Get(headerName)), &r); err != nil {
		return message{}, fmt.Errorf("header of an output's message: %w", err)
	}
	if err := natsbroker.CheckFormat(r.Format, recordFormat); err != nil {
		return message{}, err
	}
	return message{subject: raw.Subject, sequence: raw.Sequence, piece: output.Piece{Offset: r.Offset, Text: raw.Data}, messages: r.Messages}, nil
}

// block is the one that the message is in.
func (m message) block() int64 {
	n, _ := strconv.ParseInt(m.subject[strings.LastIndexByte(m.subject, '.')+1:], 10, 64) // the subject is ours
	return n
}

// state is the end of an output: what its last message says. The zero value is an output
// that is not there.
type state struct {
	length   int64
	block    int64  // of the last message
	sequence uint64 // of the last message
	messages int    // as record.Messages
}

func (m message) state() state {
	if m.sequence == 0 {
		return state{}
	}
	return state{length: m.piece.End(), block: m.block(), sequence: m.sequence, messages: m.messages}
}

// messages reads the messages of the stream. It is safe for concurrent use.
type messages struct {
	broker *natsbroker.Broker
	stream jetstream.Stream
}

// last returns the last message of a subject, or one without a sequence if there is none.
func (ms messages) last(ctx context.Context, subject string) (message, error) {
	return ms.found(ms.stream.GetLastMsgForSubject(ctx, subject))
}

// next returns the first message of a subject that has at least that sequence. Errors:
// errNoMore.
func (ms messages) next(ctx context.Context, subject string, from uint64) (message, error) {
	m, err := ms.found(ms.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject)))
	if err == nil && m.sequence == 0 {
		return message{}, errNoMore
	}
	return m, err
}

var errNoMore = errors.New("the stream has no more messages of that subject")

// found decodes a message; one without a sequence says that there is none.
func (ms messages) found(raw *jetstream.RawStreamMsg, err error) (message, error) {
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return message{}, nil
	case err != nil:
		return message{}, err
	}
	m, err := decode(raw)
	if err != nil {
		ms.broker.LeaveOut(streamName, raw.Subject, raw.Sequence, err)
	}
	return m, err
}
