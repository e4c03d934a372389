package httpsender_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/test/contract/sendercontract"
)

func TestSenderContract(t *testing.T) {
	late := sendercontract.LateUnknownToken("the gateway's 404 comes after the call")
	for name, kind := range map[string]struct {
		can  []string
		opts []sendercontract.Option
	}{
		"without extensions": {nil, []sendercontract.Option{late, sendercontract.NoEventIDs("the protocol without extensions has none")}},
		"with event IDs":     {[]string{"event-id"}, []sendercontract.Option{late}},
		"with broadcasts": {[]string{"broadcast"}, []sendercontract.Option{
			late, sendercontract.NoEventIDs("the gateway does not announce them"),
		}},
		"with all extensions": {extensions, []sendercontract.Option{late}},
	} {
		t.Run(name, func(t *testing.T) {
			sendercontract.Run(t, func(t *testing.T) sendercontract.Subject { return subject(t, kind.can) }, kind.opts...)
		})
	}
}

// subject is a sender that talks to a stand-in over TCP.
func subject(t *testing.T, can []string) sendercontract.Subject {
	gw, registry := newStandIn(can...), memregistry.New()
	server := httptest.NewServer(gw)
	t.Cleanup(server.Close)
	s, err := httpsender.New(httpsender.Config{URL: server.URL, Start: start}, registry, newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	heard := heardGone{newListener(registry), make(chan connection.Token, 1)}
	serve(t, s, heard, newHistory())
	return sendercontract.Subject{
		Sender: s, Streams: s, Shut: s.Drain, Gone: heard.tokens, Start: start,
		Open: func(t *testing.T, id connection.RequestID) sendercontract.Stream {
			return openOn(t, gw, registry, id, nil)
		},
		OpenAs: func(t *testing.T, id connection.RequestID, p *access.Principal) sendercontract.Stream {
			return openOn(t, gw, registry, id, p)
		},
	}
}

// heardGone passes on which tokens are gone.
type heardGone struct {
	*listener

	tokens chan connection.Token
}

func (h heardGone) Gone(ctx context.Context, token connection.Token) {
	h.listener.Gone(ctx, token)
	select {
	case h.tokens <- token:
	default: // never asked for
	}
}

func openOn(t *testing.T, gw *standIn, registry *memregistry.Registry, id connection.RequestID, p *access.Principal) sendercontract.Stream {
	t.Helper()
	token := fmt.Sprintf("token of %s", id)
	frames := make(chan sendercontract.Frame, sendercontract.MaxFrames)
	gw.open(token, &stream{
		report: func(name, data, id string) { frames <- sendercontract.Frame{ID: id, Name: name, Data: data} },
		ended:  func() { close(frames) },
	})
	c := connection.Connection{RequestID: id, Token: connection.Token(token), Principal: p}
	if _, err := registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return sendercontract.Stream{Token: c.Token, Frames: frames, Stall: func() func() {
		stuck := make(chan struct{})
		gw.with(token, func(s *stream) { s.stuck = stuck })
		return func() { close(stuck) }
	}}
}
