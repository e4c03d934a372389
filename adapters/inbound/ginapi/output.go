package ginapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/http/paths"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// OutputDeps are what an Outputs calls. All are required.
type OutputDeps struct {
	Writer output.Writer
	Reader output.Reader
}

// Outputs holds the handlers for what tasks print (rules T21, T22): workers append to it,
// and clients read it by the read half of the Durable Streams protocol, whose section
// numbers the comments have (https://github.com/durable-streams/durable-streams,
// PROTOCOL.md). It is safe for concurrent use.
type Outputs struct {
	deps OutputDeps
	log  *slog.Logger
}

// NewOutputs returns an Outputs. It starts nothing.
func NewOutputs(deps OutputDeps, log *slog.Logger) *Outputs { return &Outputs{deps: deps, log: log} }

// OutputPath is where the output of a task is.
const OutputPath = paths.Tasks + "/:id/output"

// Register adds the routes to r, which is the root.
func (o *Outputs) Register(r gin.IRouter) {
	r.POST(OutputPath, handle(o.log, byID(o.appendOutput)))
	r.GET(OutputPath, handle(o.log, byID(o.readOutput)))
	r.HEAD(OutputPath, handle(o.log, byID(o.describeOutput)))
}

// appendOutput takes the offset from the query, and the text as the body, as it is. With
// neither it answers how long the output is.
func (o *Outputs) appendOutput(c *gin.Context, id task.ID) error {
	text, err := readText(c)
	if err != nil {
		return err
	}
	query := c.Request.URL.Query()
	offset, ok := int64(-1), len(text) == 0 && !query.Has("offset")
	if query.Has("offset") {
		offset, ok = parseOffset(query.Get("offset"))
	}
	if lease := query.Get("lease"); !ok || lease == "" {
		return ginjson.InvalidPayload(`the query must have "lease" and the "offset" at which to append, which is a number of bytes`)
	}
	length, err := o.deps.Writer.Append(c.Request.Context(), id, task.Lease(query.Get("lease")), offset, text)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]int64{"offset": length})
}

// readText returns the body. Errors: output.ErrTooLarge, output.ErrInvalidUTF8,
// httpserver.ErrBusy, INVALID_PAYLOAD for one that breaks off.
func readText(c *gin.Context) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(c.Request.Body, output.MaxAppend+1))
	switch {
	case len(text) > output.MaxAppend:
		return nil, output.ErrTooLarge
	case errors.Is(err, httpserver.ErrBusy):
		return nil, err
	case err != nil:
		return nil, ginjson.InvalidPayload("the body could not be read to its end")
	}
	_ = c.Request.Body.Close() // it is no longer under way, however long the answer takes
	return text, output.Check(text)
}

func parseOffset(text string) (offset int64, ok bool) {
	digits := text != "" && strings.Trim(text, "0123456789") == ""
	offset, err := strconv.ParseInt(text, 10, 64)
	return offset, digits && err == nil
}

const (
	outputType = "text/plain; charset=utf-8"
	// maxOutputAnswer bounds one answer, in bytes; the client asks for the rest.
	maxOutputAnswer = 1 << 20
	// maxOutputPiece is what is read at once, in bytes.
	maxOutputPiece = 64 << 10
	// pollTime is how long a long-poll waits: less than the 30 s after which many clients
	// and proxies give up.
	pollTime = 20 * time.Second
	// eventStreamTime is when a stream of events ends, and its client comes back: about a
	// minute, as the protocol wants it (8.2). So its credential is looked at again, too.
	eventStreamTime = 60 * time.Second
)

// The ways to read.
const (
	readNow    = ""
	longPoll   = "long-poll"
	serverSent = "sse"
)

// outputRequest is what a reader asks for.
type outputRequest struct {
	id     task.ID
	from   int64 // negative: the end
	live   string
	cursor string
}

const wantOffset = `"offset" must be one that an answer has named, -1 for the beginning, or "now" for the end`

func parseOutputRequest(c *gin.Context, id task.ID) (outputRequest, error) {
	query := c.Request.URL.Query()
	r := outputRequest{id: id, live: query.Get("live"), cursor: query.Get("cursor")}
	if r.live != readNow && r.live != longPoll && r.live != serverSent {
		return r, ginjson.InvalidPayload(`"live" must be "long-poll" or "sse"`)
	}
	offsets := query["offset"]
	switch {
	case len(offsets) > 1:
		return r, ginjson.InvalidPayload(`"offset" must come once`)
	case len(offsets) == 0 && r.live != readNow:
		return r, ginjson.InvalidPayload(`to wait for output say from which "offset" on`)
	case len(offsets) == 0, offsets[0] == "-1":
		return r, nil
	case offsets[0] == "now":
		r.from = -1
		return r, nil
	}
	var ok bool
	if r.from, ok = parseOffset(offsets[0]); !ok {
		return r, ginjson.InvalidPayload(wantOffset)
	}
	return r, nil
}

func (o *Outputs) readOutput(c *gin.Context, id task.ID) error {
	r, err := parseOutputRequest(c, id)
	if err != nil {
		return err
	}
	protect(c)
	switch r.live {
	case longPoll:
		return o.poll(c, r)
	case serverSent:
		return o.stream(c, r)
	default:
		return o.catchUp(c, r)
	}
}

// describeOutput says where the output ends (5.4).
func (o *Outputs) describeOutput(c *gin.Context, id task.ID) error {
	chunk, err := o.deps.Reader.Read(c.Request.Context(), id, -1, maxOutputPiece)
	if err != nil {
		return err
	}
	protect(c)
	c.Header("Content-Type", outputType)
	c.Header("Cache-Control", "no-store")
	place(c, chunk)
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return nil
}

// protect sets the headers that keep browsers from taking output for a script or a page
// (10.7).
func protect(c *gin.Context) {
	ginjson.ForbidSniffing(c)
	c.Header("Cross-Origin-Resource-Policy", "same-origin")
}

// catchUp answers with what there is (5.5).
func (o *Outputs) catchUp(c *gin.Context, r outputRequest) error {
	parts, last, gap, err := o.gather(c.Request.Context(), r)
	if err != nil {
		return err
	}
	if r.from < 0 {
		c.Header("Cache-Control", "no-store")
		o.send(c, nil, last)
		return nil
	}
	sayGap(c, gap)
	return o.answer(c, r, parts, last)
}

// answer is send unless the client has that already (8.1). What is kept may change, and
// whom it is for, so nothing is taken from a cache without asking.
func (o *Outputs) answer(c *gin.Context, r outputRequest, parts [][]byte, last output.Chunk) error {
	tag := fmt.Sprintf(`"%s:%d:%d:%d`, r.id, r.from, last.End()-lengthOf(parts), last.End())
	if last.Complete() {
		tag += ":c"
	}
	tag += `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", "private, no-cache")
	if strings.Contains(c.GetHeader("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	o.send(c, parts, last)
	return nil
}

// send writes the parts, of which last has the end.
func (o *Outputs) send(c *gin.Context, parts [][]byte, last output.Chunk) {
	place(c, last)
	c.Header("Content-Type", outputType)
	c.Header("Content-Length", strconv.FormatInt(lengthOf(parts), 10))
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	for _, p := range parts {
		if _, err := c.Writer.Write(p); err != nil {
			return // the client is gone, or takes nothing: it cannot get an error
		}
	}
}

func lengthOf(parts [][]byte) (length int64) {
	for _, p := range parts {
		length += int64(len(p))
	}
	return length
}

// gather reads from an offset up to where there is no more, or some is gone, or the answer
// is large enough; last is what was read last, with the end of the answer. gap is how much
// is gone before what it begins with.
func (o *Outputs) gather(ctx context.Context, r outputRequest) (parts [][]byte, last output.Chunk, gap int64, err error) {
	from := r.from
	for size := 0; ; {
		chunk, err := o.deps.Reader.Read(ctx, r.id, from, min(maxOutputPiece, max(maxOutputAnswer-size, utf8.UTFMax)))
		if err != nil {
			return nil, chunk, 0, err
		}
		switch {
		case r.from < 0:
		case len(parts) == 0:
			gap = chunk.Offset - from
		case chunk.Offset != from: // the next answer begins after the gap, and says so
			return parts, last, gap, nil
		}
		last = chunk
		if len(chunk.Text) == 0 {
			return parts, last, gap, nil
		}
		parts, size, from = append(parts, chunk.Text), size+len(chunk.Text), chunk.End()
		if size >= maxOutputAnswer-utf8.UTFMax || chunk.Complete() {
			return parts, last, gap, nil
		}
	}
}

// place sets the headers that say where the answer ends, and whether more can come.
func place(c *gin.Context, last output.Chunk) {
	c.Header("Stream-Next-Offset", formatOffset(last.End()))
	if last.End() >= last.Length {
		c.Header("Stream-Up-To-Date", "true")
	}
	if last.Complete() {
		c.Header("Stream-Closed", "true")
	}
}

// formatOffset writes an offset so that the order of the texts is that of the offsets (6).
func formatOffset(offset int64) string { return fmt.Sprintf("%016d", offset) }

// sayGap says how many bytes are gone before what the answer begins with.
func sayGap(c *gin.Context, gap int64) {
	if gap > 0 {
		c.Header("Heliograph-Gap", strconv.FormatInt(gap, 10))
	}
}

// poll waits for output (5.6).
func (o *Outputs) poll(c *gin.Context, r outputRequest) error {
	from, err := o.resolve(c.Request.Context(), r)
	if err != nil {
		return err
	}
	keepReading(c)
	ctx, cancel := context.WithTimeout(c.Request.Context(), pollTime)
	defer cancel()
	chunk, err := o.awaitText(ctx, c, r.id, from)
	if err != nil {
		return err
	}
	c.Header("Stream-Cursor", nextCursor(r.cursor, time.Now()))
	sayGap(c, chunk.Offset-from)
	if len(chunk.Text) > 0 {
		return o.answer(c, r, [][]byte{chunk.Text}, chunk)
	}
	c.Header("Cache-Control", "no-store")
	place(c, chunk)
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

// resolve returns the offset that a reader means, which is the end if it asks for that.
// Errors: those of output.Reader.
func (o *Outputs) resolve(ctx context.Context, r outputRequest) (int64, error) {
	if r.from >= 0 {
		return r.from, nil
	}
	chunk, err := o.deps.Reader.Read(ctx, r.id, r.from, maxOutputPiece)
	return chunk.Offset, err
}

// awaitText is Await for which it is no error that nothing came while the client waited.
func (o *Outputs) awaitText(ctx context.Context, c *gin.Context, id task.ID, from int64) (output.Chunk, error) {
	chunk, err := o.deps.Reader.Await(ctx, id, from, maxOutputPiece)
	if c.Request.Context().Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, output.ErrShuttingDown)) {
		return output.Chunk{Piece: output.Piece{Offset: from}, Length: from}, nil
	}
	return chunk, err
}

// keepReading takes the read deadline away, which is meant for a body that has been read:
// waiting may take longer. An error means that there is none.
func keepReading(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
}

// The cursor of a live answer is the number of its interval (8.1).
const cursorInterval = 20 * time.Second

var cursorEpoch = time.Date(2024, time.October, 9, 0, 0, 0, 0, time.UTC)

// nextCursor returns the cursor of now, or one after the client's if that is not before.
func nextCursor(client string, now time.Time) string {
	current := int64(now.Sub(cursorEpoch) / cursorInterval)
	if asked, err := strconv.ParseInt(client, 10, 64); err == nil && asked >= current {
		return strconv.FormatInt(asked+1+now.UnixNano()%int64(time.Hour/cursorInterval), 10)
	}
	return strconv.FormatInt(current, 10)
}
