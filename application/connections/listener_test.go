package connections_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// resetEpoch is what an adopted stream begins with.
var resetEpoch = event.Event{Name: "stream_reset", Data: []byte(`{"reason":"epoch"}`)}

func TestFoundStreamIsAdoptedResetAndObserved(t *testing.T) { // C8, C9, G3
	f := newFixture(t)
	observed := make(chan connection.Connection, 1)
	f.observe("all", func(_ context.Context, c connection.Connection) error { observed <- c; return nil })
	f.sender.EXPECT().Send(gomock.Any(), connection.Token("token-1"), resetEpoch)
	f.Found(t.Context(), "a", "token-1")
	want := connection.Connection{RequestID: "a", Token: "token-1", Node: "node-1"}
	if got, err := f.registry.ByRequestID(t.Context(), "a"); err != nil || got != want {
		t.Errorf("registered: %+v, %v; want %+v", got, err, want)
	}
	if got := <-observed; got != want {
		t.Errorf("an observer was called with %+v", got)
	}
	f.metrics.want(t, 1, 0)
}

func TestFoundStreamReplacesNoConnection(t *testing.T) { // C1, C8
	f := newFixture(t) // its sender expects no call
	f.connect(t, "a", "token-new")
	f.Found(t.Context(), "a", "token-old")
	f.Found(t.Context(), "a", "token-new")
	if got, err := f.registry.ByRequestID(t.Context(), "a"); err != nil || got.Token != "token-new" {
		t.Errorf("registered: %+v, %v; want the newer one", got, err)
	}
	f.metrics.want(t, 1, 0)
}

func TestFoundStreamThatCannotBeAdoptedIsLogged(t *testing.T) { // C8
	f := newFixture(t)
	f.connect(t, "a", "token-1")
	f.Found(t.Context(), "b", "token-1") // a gateway that is broken
	f.logs.Want(t, "level=WARN", "could not be adopted", "request_id=b")
	f.Drain()
	f.Found(t.Context(), "c", "token-3")
	f.logs.Want(t, "level=DEBUG", "was not adopted", "request_id=c", "shutting down") // a warning for each of many streams would be too much
	f.metrics.want(t, 1, 0)
}

func TestAStreamStaysAdoptedWhenItsResetCannotBeSent(t *testing.T) { // C8
	f := newFixture(t)
	gone := f.sender.EXPECT().Send(gomock.Any(), connection.Token("token-1"), resetEpoch).Return(gateway.ErrUnknownToken)
	f.sender.EXPECT().Send(gomock.Any(), connection.Token("token-2"), resetEpoch).Return(errors.New("broken")).After(gone.Call)
	f.Found(t.Context(), "a", "token-1")
	f.Found(t.Context(), "b", "token-2")
	f.logs.Want(t, "level=WARN", "stream_reset could not be sent", "request_id=b")
	f.metrics.want(t, 2, 0)
}

func TestStreamResumesBeforeItIsRegistered(t *testing.T) { // G6, G9
	f := newFixture(t)
	f.sender.EXPECT().Resume(gomock.Any(), connection.Connection{RequestID: "a", Token: "token-1", Node: "node-1"}, "e-7").Do(
		func(ctx context.Context, _ connection.Connection, _ string) {
			if _, err := f.registry.ByRequestID(ctx, "a"); !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("while it resumes it is registered: %v", err)
			}
		})
	if _, err := f.Connect(t.Context(), "a", "token-1", "e-7"); err != nil {
		t.Fatal(err)
	}
	f.connect(t, "b", "token-2") // its client sends no Last-Event-ID: no Resume
}
