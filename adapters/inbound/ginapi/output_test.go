package ginapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const outputPath = "/api/tasks/" + knownID + "/output"

var asText = []string{"Content-Type", "text/plain"}

// outputConversations are those about what tasks print.
var outputConversations = []conversation{
	{outcome: "POST /api/tasks/{id}/output 200", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", nil)},
	{outcome: "POST /api/tasks/{id}/output 200", query: "?lease=l1", given: printed(-1, "", nil)},
	{outcome: "POST /api/tasks/{id}/output 400 INVALID_PAYLOAD", query: "?offset=4", body: "more", header: asText},
	{outcome: "POST /api/tasks/{id}/output 400 INVALID_UTF8", query: "?lease=l1&offset=4", body: "\xff", header: asText},
	{outcome: "POST /api/tasks/{id}/output 404 TASK_NOT_FOUND", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/output 409 LEASE_LOST", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", task.ErrLeaseLost)},
	{outcome: "POST /api/tasks/{id}/output 409 WRONG_OFFSET", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", &output.OffsetError{Length: 7})},
	{outcome: "POST /api/tasks/{id}/output 413 PAYLOAD_TOO_LARGE", query: "?lease=l1&offset=4", body: strings.Repeat("x", output.MaxAppend+1), header: asText},
	{outcome: "POST /api/tasks/{id}/output 503 BROKER_UNAVAILABLE", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", output.ErrUnavailable)},
	{outcome: "POST /api/tasks/{id}/output 503 SHUTTING_DOWN", query: "?lease=l1&offset=4", body: "more", header: asText, given: printed(4, "more", task.ErrShuttingDown)},

	{outcome: "GET /api/tasks/{id}/output 200", given: has(output.Chunk{Piece: output.Piece{Text: []byte("one")}, Length: 3, Closed: true}, nil)},
	{outcome: "GET /api/tasks/{id}/output 204", query: "?offset=3&live=long-poll", given: waited(output.Chunk{Piece: output.Piece{Offset: 3}, Length: 3, Closed: true}, nil)},
	{outcome: "GET /api/tasks/{id}/output 304", query: "?offset=0", header: []string{"If-None-Match", `"` + knownID + `:0:0:3:c"`}, given: has(output.Chunk{Piece: output.Piece{Text: []byte("one")}, Length: 3, Closed: true}, nil)},
	{outcome: "GET /api/tasks/{id}/output 400 INVALID_PAYLOAD", query: "?offset=a,b"},
	{outcome: "GET /api/tasks/{id}/output 404 TASK_NOT_FOUND", given: has(output.Chunk{}, task.ErrNotFound)},
	{outcome: "GET /api/tasks/{id}/output 409 WRONG_OFFSET", query: "?offset=9", given: has(output.Chunk{}, &output.OffsetError{Length: 7})},
	{outcome: "GET /api/tasks/{id}/output 503 BROKER_UNAVAILABLE", given: has(output.Chunk{}, output.ErrUnavailable)},
	{outcome: "GET /api/tasks/{id}/output 503 SHUTTING_DOWN", given: has(output.Chunk{}, task.ErrShuttingDown)},

	{outcome: "HEAD /api/tasks/{id}/output 200", given: has(output.Chunk{Piece: output.Piece{Offset: 3}, Length: 3}, nil)},
	{outcome: "HEAD /api/tasks/{id}/output 404 TASK_NOT_FOUND", given: has(output.Chunk{}, task.ErrNotFound)},
}

func printed(offset int64, text string, err error) func(*service) {
	return func(s *service) {
		s.writer.EXPECT().Append(gomock.Any(), task.ID(knownID), task.Lease("l1"), offset, []byte(text)).Return(7, err)
	}
}

func has(c output.Chunk, err error) func(*service) {
	return func(s *service) {
		s.output.EXPECT().Read(gomock.Any(), task.ID(knownID), gomock.Any(), gomock.Any()).Return(c, err)
	}
}

func waited(c output.Chunk, err error) func(*service) {
	return func(s *service) {
		s.output.EXPECT().Await(gomock.Any(), task.ID(knownID), gomock.Any(), gomock.Any()).Return(c, err)
	}
}

func TestAppendingSaysTheNewLengthOrTheRightOne(t *testing.T) { // T21
	s := newService(t, ginapi.Config{})
	printed(4, "more\n", nil)(s)
	s.ask(t, http.MethodPost, outputPath+"?lease=l1&offset=4", "more\n", asText...).wantJSON(t, http.StatusOK, `{"offset":7}`)
	printed(5, "x", &output.OffsetError{Length: 7})(s)
	s.ask(t, http.MethodPost, outputPath+"?lease=l1&offset=5", "x", asText...).wantJSON(t, http.StatusConflict,
		`{"error":{"code":"WRONG_OFFSET","message":"wrong offset: the output has 7 bytes","details":{"offset":7}}}`)
	for _, query := range []string{"", "?lease=l1", "?offset=1", "?lease=&offset=1", "?lease=l1&offset=", "?lease=l1&offset=-1", "?lease=l1&offset=1.5", "?lease=l1&offset=%2B1", "?lease=l1&offset=99999999999999999999"} {
		s.ask(t, http.MethodPost, outputPath+query, "x").wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
	}
}

// longOutput is one of which the text is a letter for each ten bytes, and bytes 30 to 59
// are gone. It has ended with 100 bytes.
func longOutput(s *service) {
	s.output.EXPECT().Read(gomock.Any(), task.ID(knownID), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(
		func(_ context.Context, _ task.ID, from int64, _ int) (output.Chunk, error) { return longOutputAt(from) })
	s.output.EXPECT().Await(gomock.Any(), task.ID(knownID), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(
		func(_ context.Context, _ task.ID, from int64, _ int) (output.Chunk, error) { return longOutputAt(from) })
}

func longOutputAt(from int64) (output.Chunk, error) {
	switch {
	case from < 0:
		from = 100
	case from > 100:
		return output.Chunk{}, &output.OffsetError{Length: 100}
	case from >= 30 && from < 60:
		from = 60
	}
	end := min(100, (from/10+1)*10)
	return output.Chunk{Piece: output.Piece{Offset: from, Text: []byte(strings.Repeat(string(rune('a'+from/10)), int(end-from)))}, Length: 100, Closed: true}, nil
}

func TestAReaderGetsOnePieceAndWhereTheNextBegins(t *testing.T) { // T22
	s := newService(t, ginapi.Config{})
	longOutput(s)
	for query, want := range map[string]string{
		"":                             `200 "aaaaaaaaaabbbbbbbbbbcccccccccc" next 30`,
		"?offset=-1":                   `200 "aaaaaaaaaabbbbbbbbbbcccccccccc" next 30`,
		"?offset=25":                   `200 "ccccc" next 30`,
		"?offset=0000000000000030":     `200 "gggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj" next 100 up to date closed gap 30`,
		"?offset=95":                   `200 "jjjjj" next 100 up to date closed`,
		"?offset=100":                  `200 "" next 100 up to date closed`,
		"?offset=now":                  `200 "" next 100 up to date closed`,
		"?offset=25&live=long-poll":    `200 "ccccc" next 30`,
		"?offset=40&live=long-poll":    `200 "gggggggggg" next 70 gap 20`,
		"?offset=100&live=long-poll":   `204 "" next 100 up to date closed`,
		"?offset=now&live=long-poll":   `204 "" next 100 up to date closed`,
		"?offset=99&foo=bar&cursor=zz": `200 "j" next 100 up to date closed`,
	} {
		a := s.ask(t, http.MethodGet, outputPath+query, "")
		got := fmt.Sprintf("%d %q next %s", a.status, a.body, strings.TrimLeft(a.header.Get("Stream-Next-Offset"), "0"))
		for name, says := range map[string]string{"Stream-Up-To-Date": " up to date"} {
			if a.header.Get(name) == "true" {
				got += says
			}
		}
		if a.header.Get("Stream-Closed") == "true" {
			got += " closed"
		}
		if gap := a.header.Get("Heliograph-Gap"); gap != "" {
			got += " gap " + gap
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		live, cursor := strings.Contains(query, "live="), a.header.Get("Stream-Cursor")
		if live != (cursor != "") || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: headers %v", query, a.header)
		}
		if keep := a.header.Get("Cache-Control"); keep != "private, no-cache" && keep != "no-store" {
			t.Errorf("%s: Cache-Control %q", query, keep)
		}
	}
	for _, query := range []string{"?offset=", "?offset=a", "?offset=1&offset=1", "?offset=1,2", "?offset=-2", "?offset=%201", "?live=long-poll", "?live=sse", "?live=x&offset=1"} {
		s.ask(t, http.MethodGet, outputPath+query, "").wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
	}
}

func TestAnAnswerThatTheClientHasIsNotSentAgain(t *testing.T) { // T22
	s := newService(t, ginapi.Config{})
	longOutput(s)
	tags := map[string]bool{}
	for _, query := range []string{"?offset=60", "?offset=30", "?offset=0", "?offset=95"} {
		tag := s.ask(t, http.MethodGet, outputPath+query, "").header.Get("ETag")
		if tags[tag] {
			t.Errorf("%s has the tag of another answer", query)
		}
		tags[tag] = true
		if a := s.ask(t, http.MethodGet, outputPath+query, "", "If-None-Match", `"other", `+tag); a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("%s again: %d %q", query, a.status, a.body)
		}
		if a := s.ask(t, http.MethodGet, outputPath+query, "", "If-None-Match", `"other"`); a.status != http.StatusOK {
			t.Errorf("%s with another tag: %d", query, a.status)
		}
	}
}

func TestOutputIsStreamedUntilTheTaskHasEnded(t *testing.T) { // T22
	s := newService(t, ginapi.Config{})
	texts := []string{"one\ntwo", "\r\nevent: x\rdata: y\n\n", " three", ""}
	length := int64(0)
	s.output.EXPECT().Read(gomock.Any(), task.ID(knownID), int64(0), gomock.Any()).Return(output.Chunk{}, nil)
	s.output.EXPECT().Await(gomock.Any(), task.ID(knownID), gomock.Any(), gomock.Any()).Times(len(texts)).DoAndReturn(
		func(_ context.Context, _ task.ID, from int64, _ int) (output.Chunk, error) {
			if from != length {
				return output.Chunk{}, fmt.Errorf("from %d, want %d", from, length)
			}
			text := texts[0]
			texts = texts[1:]
			if text == " three" {
				length += 10 // which are gone
			}
			c := output.Chunk{Piece: output.Piece{Offset: length, Text: []byte(text)}, Length: length + int64(len(text)), Closed: len(texts) == 0}
			length = c.Length
			return c, nil
		})
	a := s.ask(t, http.MethodGet, outputPath+"?offset=-1&live=sse&cursor=999999999", "")
	control := func(offset int) string {
		return fmt.Sprintf("event: control\ndata:{\"streamNextOffset\":\"%016d\",\"streamCursor\":\"C\",\"upToDate\":true}\n\n", offset)
	}
	want := control(0) +
		"event: data\ndata:one\ndata:two\n\n" + control(7) +
		"event: data\ndata:\ndata:event: x\ndata:data: y\ndata:\ndata:\n\n" + control(27) +
		"event: gap\ndata:{\"offset\":\"0000000000000027\",\"gap\":10}\n\nevent: data\ndata:  three\n\n" + control(43) +
		"event: control\ndata:{\"streamNextOffset\":\"0000000000000043\",\"streamClosed\":true}\n\n"
	got := a.body
	for part := range strings.SplitSeq(a.body, `"streamCursor":"`) {
		if cursor, _, found := strings.Cut(part, `","`); found && strings.Trim(cursor, "0123456789") == "" {
			if len(cursor) < 10 {
				t.Errorf("the cursor %s is not after the client's", cursor)
			}
			got = strings.ReplaceAll(got, `"streamCursor":"`+cursor+`"`, `"streamCursor":"C"`)
		}
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if a.header.Get("Content-Type") != "text/event-stream" || a.header.Get("Cache-Control") != "no-cache, no-transform" {
		t.Errorf("headers %v", a.header)
	}
}

func TestWaitingForOutputEnds(t *testing.T) { // T22, T15
	for query, want := range map[string]time.Duration{"?offset=0&live=long-poll": 20 * time.Second, "?offset=0&live=sse": time.Minute} {
		for _, stops := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s, begin := newService(t, ginapi.Config{}), time.Now()
				s.output.EXPECT().Read(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().Return(output.Chunk{}, nil)
				s.output.EXPECT().Await(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(
					func(ctx context.Context, _ task.ID, _ int64, _ int) (output.Chunk, error) {
						if stops {
							return output.Chunk{}, output.ErrShuttingDown
						}
						<-ctx.Done()
						return output.Chunk{}, ctx.Err()
					})
				a := s.ask(t, http.MethodGet, outputPath+query, "")
				took := time.Since(begin)
				if stops && took != 0 || !stops && took != want {
					t.Errorf("%s: it took %s, want %s (the service stops: %t)", query, took, want, stops)
				}
				if a.status >= http.StatusBadRequest || strings.Contains(a.body, "streamClosed") {
					t.Errorf("%s: %d %s", query, a.status, a.body)
				}
			})
		}
	}
}

func TestAWaitThatFailsIsAnError(t *testing.T) {
	s := newService(t, ginapi.Config{})
	waited(output.Chunk{}, errors.New("a defect"))(s)
	s.ask(t, http.MethodGet, outputPath+"?offset=0&live=long-poll", "").wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
}

func init() { //nolint:gochecknoinits // the validator knows no event streams, which are text
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
}
