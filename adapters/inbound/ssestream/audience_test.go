package ssestream_test

import (
	"bufio"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/ssestream"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

func TestStreamGetsWhatItsPrincipalMaySee(t *testing.T) { // A12, A13
	t.Parallel()
	b := newBench(t, sse.Config{})
	router := gin.New()
	router.Use(func(c *gin.Context) { // as the gate does
		p := &access.Principal{Subject: c.GetHeader("Subject")}
		c.Request = c.Request.WithContext(access.NewContext(c.Request.Context(), p))
	})
	ssestream.New(b.engine, wire.FormatNamed, b.manager, nil, nil, slog.New(slog.DiscardHandler)).Register(router)
	server := httptest.NewServer(router)
	defer server.Close()
	b.url = server.URL + paths.Stream
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil).Times(3)
	b.opening.EXPECT().Opened().AnyTimes()
	b.opening.EXPECT().OpenedHere().AnyTimes()
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any()).Times(3)
	audiences := []*access.Audience{nil, {Subjects: []string{"anna"}}, {Subjects: []string{"bert"}}, {RequestIDs: []string{"r-anna"}}, {Roles: []string{"anna"}}}
	publish := func(from int) {
		for i, a := range audiences {
			ev := note("1")
			ev.Audience = a
			if err := b.engine.Broadcast(event.Record{ID: event.ID{Epoch: "e1", Seq: uint64(from + i + 1)}, Event: ev}); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(0)
	anna := b.get(t, "?request_id=r-anna", "Subject", "anna", "Last-Event-ID", "e1-0") // from the history
	bert := b.get(t, "?request_id=r-bert", "Subject", "bert")                          // live
	both := b.get(t, "?request_id=r-bert2", "Subject", "bert", "Last-Event-ID", "e1-1")
	publish(len(audiences))
	frame := func(id string) []string { return []string{"id: " + id, "event: note", "data: 1", ""} }
	for res, ids := range map[*bufio.Reader][]string{
		bufio.NewReader(anna.Body): {"e1-1", "e1-2", "e1-4", "e1-6", "e1-7", "e1-9"},
		bufio.NewReader(bert.Body): {"e1-6", "e1-8"},
		bufio.NewReader(both.Body): {"e1-3", "e1-6", "e1-8"},
	} {
		for _, id := range ids {
			wantLines(t, res, frame(id)...)
		}
	}
	_ = b.engine.Drain(t.Context())
}
