package httpsender_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/test/contract/sendercontract"
)

func TestSenderContract(t *testing.T) {
	sendercontract.Run(t, subject,
		sendercontract.LateUnknownToken("the gateway's 404 comes after the call"),
		sendercontract.NoEventIDs("the protocol without extensions has none"))
}

// subject is a sender that talks to a stand-in over TCP.
func subject(t *testing.T) sendercontract.Subject {
	gw, registry := newStandIn(), memregistry.New()
	server := httptest.NewServer(gw)
	t.Cleanup(server.Close)
	s, err := httpsender.New(httpsender.Config{URL: server.URL}, registry, newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	heard := heardGone{newListener(registry), make(chan connection.Token, 1)}
	serve(t, s, heard)
	return sendercontract.Subject{
		Sender: s, Shut: s.Drain, Gone: heard.tokens,
		Open: func(t *testing.T, id connection.RequestID) sendercontract.Stream { return openOn(t, gw, registry, id) },
	}
}

// heardGone passes on which tokens are gone.
type heardGone struct {
	*listener

	tokens chan connection.Token
}

func (h heardGone) Gone(ctx context.Context, token connection.Token) {
	h.listener.Gone(ctx, token)
	h.tokens <- token
}

func openOn(t *testing.T, gw *standIn, registry *memregistry.Registry, id connection.RequestID) sendercontract.Stream {
	t.Helper()
	token := fmt.Sprintf("token of %s", id)
	frames := make(chan sendercontract.Frame, sendercontract.MaxFrames)
	gw.open(token, &stream{
		report: func(name, data string) { frames <- sendercontract.Frame{Name: name, Data: data} },
		ended:  func() { close(frames) },
	})
	c := connection.Connection{RequestID: id, Token: connection.Token(token)}
	if _, err := registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return sendercontract.Stream{Token: c.Token, Frames: frames, Stall: func() func() {
		stuck := make(chan struct{})
		gw.with(token, func(s *stream) { s.stuck = stuck })
		return func() { close(stuck) }
	}}
}
