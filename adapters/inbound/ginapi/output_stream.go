package ginapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/domain/output"
)

// controlEvent follows each event with text, and says where the next begins (5.7).
type controlEvent struct {
	NextOffset string `json:"streamNextOffset"`
	Cursor     string `json:"streamCursor,omitempty"`
	UpToDate   bool   `json:"upToDate,omitempty"`
	Closed     bool   `json:"streamClosed,omitempty"`
}

// gapEvent comes before text that is not the next: so many bytes after offset are gone.
// Clients of the protocol skip events that they do not know.
type gapEvent struct {
	Offset string `json:"offset"`
	Gap    int64  `json:"gap"`
}

// keepAlive is the silence after which a stream of events gets a control event.
const keepAlive = 15 * time.Second

// stream writes output as server-sent events, and what comes (5.7).
func (o *Outputs) stream(c *gin.Context, r outputRequest) error {
	chunk, err := o.deps.Reader.Read(c.Request.Context(), r.id, r.from, maxOutputPiece)
	if err != nil {
		return err
	}
	if r.from < 0 {
		r.from = chunk.Offset
	}
	keepReading(c)
	for name, value := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no",
	} {
		c.Header(name, value)
	}
	c.Status(http.StatusOK)
	ctx, cancel := context.WithTimeout(c.Request.Context(), eventStreamTime)
	defer cancel()
	w := eventWriter{c: c, cursor: r.cursor, from: r.from}
	for w.write(chunk) && !chunk.Complete() {
		if chunk, err = o.nextEvent(ctx, r, w.from); err != nil {
			break // the client comes back, and gets the error if there is one still
		}
	}
	return nil
}

// nextEvent waits for output, or for keepAlive. Errors: those of output.Reader, and
// context.DeadlineExceeded once ctx has ended.
func (o *Outputs) nextEvent(ctx context.Context, r outputRequest, from int64) (output.Chunk, error) {
	limited, cancel := context.WithTimeout(ctx, keepAlive)
	defer cancel()
	chunk, err := o.deps.Reader.Await(limited, r.id, from, maxOutputPiece)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return output.Chunk{Piece: output.Piece{Offset: from}, Length: from}, nil
	}
	return chunk, err
}

// eventWriter writes chunks as events.
type eventWriter struct {
	c      *gin.Context
	cursor string // of the client
	from   int64  // what comes next
}

// write writes what a reader at from got, and reports whether the client takes it.
func (w *eventWriter) write(chunk output.Chunk) bool {
	var b strings.Builder
	if gap := chunk.Offset - w.from; gap > 0 {
		writeEvent(&b, "gap", jsonOf(gapEvent{formatOffset(w.from), gap}))
	}
	if len(chunk.Text) > 0 {
		writeEvent(&b, "data", string(chunk.Text))
	}
	w.from = chunk.End()
	control := controlEvent{NextOffset: formatOffset(w.from), Closed: chunk.Complete()}
	if !control.Closed {
		control.Cursor, control.UpToDate = nextCursor(w.cursor, time.Now()), w.from >= chunk.Length
	}
	writeEvent(&b, "control", jsonOf(control))
	if _, err := w.c.Writer.WriteString(b.String()); err != nil {
		return false
	}
	return http.NewResponseController(w.c.Writer).Flush() == nil
}

// lineBreaks makes each way to end a line the one that a line of an event ends with: event
// streams have no other, so a client of such a stream cannot tell them apart.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func writeEvent(b *strings.Builder, name, data string) {
	b.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(lineBreaks.Replace(data), "\n") {
		b.WriteString("data:")
		if strings.HasPrefix(line, " ") {
			b.WriteByte(' ') // the client takes the first one away
		}
		b.WriteString(line + "\n")
	}
	b.WriteByte('\n')
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v) // numbers and texts can be written
	return string(text)
}
