package connections_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/application/connections"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

var note = event.Event{Service: event.ServiceTask, Name: "note", Data: []byte(`1`)}

func TestSendToReachesTheTokenOfTheRequestID(t *testing.T) { // E1, E4
	t.Parallel()
	for name, c := range map[string]struct {
		elsewhere        bool // another node has the stream
		registered, sent error
		delivered        bool
		err              error
		logged           bool
	}{
		"known":                 {delivered: true},
		"full":                  {sent: gateway.ErrStreamFull, logged: true},
		"known elsewhere":       {elsewhere: true, delivered: true},
		"unknown elsewhere":     {elsewhere: true, sent: gateway.ErrUnknownToken, logged: true},
		"its node is away":      {elsewhere: true, sent: gateway.ErrNodeAway, logged: true},
		"its node is closed":    {elsewhere: true, sent: gateway.ErrClosed, err: gateway.ErrClosed},
		"unknown to us":         {registered: connection.ErrNotFound, logged: true},
		"unknown to gateway":    {sent: gateway.ErrUnknownToken, logged: true},
		"sender closed":         {sent: gateway.ErrClosed, err: gateway.ErrClosed},
		"registry has no store": {registered: event.ErrUnavailable, err: event.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctrl := gomock.NewController(t)
			registry, sender, control := mocks.NewMockRegistry(ctrl), mocks.NewMockGatewaySender(ctrl), mocks.NewMockGatewayControl(ctrl)
			known := connection.Connection{RequestID: "me", Token: "secret", Node: "node"}
			control.EXPECT().Owns(known.Node).AnyTimes().Return(!c.elsewhere)
			registry.EXPECT().ByRequestID(gomock.Any(), known.RequestID).Return(known, c.registered)
			switch {
			case c.registered != nil:
			case c.elsewhere:
				control.EXPECT().Send(gomock.Any(), known.Node, known.Token, note).Return(c.sent)
			default:
				sender.EXPECT().Send(gomock.Any(), known.Token, note).Return(c.sent)
			}
			var logged bytes.Buffer
			m := connections.NewMessenger(registry, sender, control, slog.New(slog.NewTextHandler(&logged, nil)))
			delivered, err := m.SendTo(t.Context(), known.RequestID, note)
			if delivered != c.delivered || !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
				t.Errorf("delivered %t, %v; want %t, %v", delivered, err, c.delivered, c.err)
			}
			text := logged.String()
			if strings.Contains(text, "level=WARN") != c.logged || strings.Contains(text, "request_id=me") != c.logged || strings.Contains(text, "secret") {
				t.Errorf("logged %q", text)
			}
		})
	}
}
