package following

import (
	"fmt"
	"unicode/utf8"

	"heliograph/domain/event"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// payload is the data of an event.
type payload struct {
	TaskID task.ID `json:"task_id"`
	Offset int64   `json:"offset"`
	Text   *string `json:"text,omitempty"`
	Gap    int64   `json:"gap,omitempty"` // bytes that are gone, from Offset on
	Closed bool    `json:"closed,omitempty"`
}

// maxRead is what is read for one event, in bytes: half of what a socket's buffer takes at
// first, so that a reader which is fast enough is never waited for.
const maxRead = 32 << 10

// readBytes is what is read for one event.
func (c Config) readBytes() int {
	if c.MaxEventBytes > 0 {
		return min(maxRead, c.MaxEventBytes)
	}
	return maxRead
}

// eventOf returns the next event of a follower at from that was given chunk, and the part of
// chunk that it has then: a gap, or text that is not larger than an event may be. The zero
// Event is none.
func (c Config) eventOf(id task.ID, from int64, chunk output.Chunk) (ev event.Event, sent output.Chunk, err error) {
	p := payload{TaskID: id, Offset: from}
	if gap := chunk.Offset - from; gap > 0 {
		p.Gap = gap
		chunk.Text = nil
		sent = chunk
		sent.Closed = false // the next event says so
		sent.Length = max(chunk.Length, chunk.Offset+1)
		ev, err = encode(p)
		return ev, sent, err
	}
	for {
		if len(chunk.Text) == 0 && !chunk.Complete() {
			return event.Event{}, chunk, nil
		}
		text := string(chunk.Text)
		p.Text, p.Closed = &text, chunk.Complete()
		ev, err = encode(p)
		if err != nil || c.fits(ev) {
			return ev, chunk, err
		}
		half := len(chunk.Text) / 2 //nolint:mnd // what is escaped takes up to six bytes for one
		for half > 0 && !utf8.RuneStart(chunk.Text[half]) {
			half--
		}
		if half == 0 {
			return ev, chunk, fmt.Errorf("%w: one character of a task's output does not fit into %d bytes", event.ErrTooLarge, c.MaxEventBytes)
		}
		chunk.Text = chunk.Text[:half]
	}
}

func (c Config) fits(ev event.Event) bool {
	return (c.MaxEventBytes == 0 || len(ev.Data) <= c.MaxEventBytes) && (c.MaxWritten == 0 || event.Written(ev.Data) <= c.MaxWritten)
}

func encode(p payload) (event.Event, error) {
	data, err := event.Marshal(p)
	if err != nil {
		return event.Event{}, fmt.Errorf("output of task %s: %w", p.TaskID, err)
	}
	return event.Event{Service: event.ServiceTask, Name: output.EventName, Data: data}, nil
}
