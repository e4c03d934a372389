package delivery_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/application/delivery"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

var (
	note  = event.Event{Service: event.ServiceTask, Name: "note", Data: []byte(`1`)}
	place = event.ID{Epoch: "e1", Seq: 7}
)

// bench is a Dispatcher among mocks, and what it logs.
type bench struct {
	*delivery.Dispatcher

	publisher *mocks.MockPublisher
	registry  *mocks.MockRegistry
	roster    *mocks.MockRoster
	sender    *mocks.MockGatewaySender
	logged    *bytes.Buffer
}

func newBench(t *testing.T) *bench {
	ctrl := gomock.NewController(t)
	b := &bench{
		publisher: mocks.NewMockPublisher(ctrl), registry: mocks.NewMockRegistry(ctrl),
		roster: mocks.NewMockRoster(ctrl), sender: mocks.NewMockGatewaySender(ctrl), logged: &bytes.Buffer{},
	}
	b.Dispatcher = delivery.NewDispatcher(b.publisher, b.registry, b.roster, b.sender, slog.New(slog.NewTextHandler(b.logged, nil)))
	return b
}

func TestBroadcastGoesThroughTheBrokerWhoeverIsThere(t *testing.T) { // E1, E3
	t.Parallel()
	for _, connections := range []int{0, 3} {
		b := newBench(t)
		b.roster.EXPECT().Count().Return(connections)
		b.publisher.EXPECT().Publish(gomock.Any(), note).Return(place, nil)
		if audience, err := b.Broadcast(t.Context(), note); audience != connections || err != nil {
			t.Errorf("with %d connections: %d, %v", connections, audience, err)
		}
	}
}

func TestBroadcastReportsWhatTheBrokerDidNotTake(t *testing.T) { // E1
	t.Parallel()
	b := newBench(t)
	b.roster.EXPECT().Count().Return(3)
	b.publisher.EXPECT().Publish(gomock.Any(), note).Return(event.ID{}, event.ErrUnavailable)
	if audience, err := b.Broadcast(t.Context(), note); audience != 0 || !errors.Is(err, event.ErrUnavailable) {
		t.Errorf("%d, %v; want nobody and ErrUnavailable", audience, err)
	}
}

func TestTargetedEventGoesToTheTokenOfItsRequestID(t *testing.T) { // E1
	t.Parallel()
	b := newBench(t)
	b.registry.EXPECT().ByRequestID(gomock.Any(), connection.RequestID("me")).Return(connection.Connection{RequestID: "me", Token: "t"}, nil)
	b.sender.EXPECT().Send(gomock.Any(), connection.Token("t"), note)
	if delivered, err := b.SendTo(t.Context(), "me", note); !delivered || err != nil {
		t.Errorf("delivered %v, %v", delivered, err)
	}
}

func TestTargetedEventForAnUnknownConnectionIsReportedAndLogged(t *testing.T) { // E4
	t.Parallel()
	for name, prepare := range map[string]func(b *bench){
		"the registry does not know it": func(b *bench) {
			b.registry.EXPECT().ByRequestID(gomock.Any(), gomock.Any()).Return(connection.Connection{}, connection.ErrNotFound)
		},
		"the gateway does not know it": func(b *bench) {
			b.registry.EXPECT().ByRequestID(gomock.Any(), gomock.Any()).Return(connection.Connection{Token: "secret"}, nil)
			b.sender.EXPECT().Send(gomock.Any(), gomock.Any(), note).Return(gateway.ErrUnknownToken)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			prepare(b)
			if delivered, err := b.SendTo(t.Context(), "me", note); delivered || err != nil {
				t.Errorf("delivered %v, %v", delivered, err)
			}
			if text := b.logged.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "request_id=me") || strings.Contains(text, "secret") {
				t.Errorf("logged %q", text)
			}
		})
	}
}

func TestTargetedEventThatCannotBeHandedOverIsAnError(t *testing.T) { // E4
	t.Parallel()
	b := newBench(t)
	b.registry.EXPECT().ByRequestID(gomock.Any(), gomock.Any()).Return(connection.Connection{Token: "t"}, nil)
	b.sender.EXPECT().Send(gomock.Any(), gomock.Any(), note).Return(gateway.ErrClosed)
	if delivered, err := b.SendTo(t.Context(), "me", note); delivered || !errors.Is(err, gateway.ErrClosed) {
		t.Errorf("delivered %v, %v; want ErrClosed", delivered, err)
	}
}

func TestReceiverHandsEveryRecordToTheGateway(t *testing.T) { // E1
	t.Parallel()
	sender := mocks.NewMockGatewaySender(gomock.NewController(t))
	logged := &bytes.Buffer{}
	r := delivery.NewReceiver(sender, slog.New(slog.NewTextHandler(logged, nil)))
	rec := event.Record{ID: place, Event: note}
	sender.EXPECT().Broadcast(gomock.Any(), rec)
	r.Receive(t.Context(), rec)
	if logged.Len() > 0 {
		t.Errorf("logged %q", logged)
	}
	sender.EXPECT().Broadcast(gomock.Any(), rec).Return(gateway.ErrClosed)
	r.Receive(t.Context(), rec)
	if text := logged.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "e1-7") {
		t.Errorf("logged %q", text)
	}
}
