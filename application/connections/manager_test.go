package connections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

// replaced is what the client of a replaced connection gets (rule C3).
var replaced = event.Event{Name: "replaced", Data: []byte("{}")}

// sendTo puts the tokens that are closed into closed.
func sendTo(closed chan<- connection.Token) func(context.Context, connection.Token, event.Event) error {
	return func(_ context.Context, token connection.Token, _ event.Event) error {
		closed <- token
		return nil
	}
}

func TestConnectRegistersWithTheNode(t *testing.T) { // C1
	f := newFixture(t)
	f.connect(t, "a", "token-1")
	want := connection.Connection{RequestID: "a", Token: "token-1", Node: "node-1"}
	if got, err := f.registry.ByRequestID(t.Context(), "a"); err != nil || got != want {
		t.Errorf("registered: %+v, %v; want %+v", got, err, want)
	}
}

func TestFailedCloseOfTheReplacedIsLoggedAndNotFatal(t *testing.T) { // C3
	f := newFixture(t)
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-1"), replaced).Return(gateway.ErrUnreachable)
	f.connect(t, "a", "token-1")
	f.connect(t, "a", "token-2")
	f.logs.Want(t, "level=WARN", "replaced connection could not be closed", "request_id=a", "unreachable")
}

func TestReplacedIsClosedOutsideAnyLockAndAlsoWhenTheRequestEnds(t *testing.T) { // C3
	f := newFixture(t)
	f.connect(t, "a", "token-1")
	ctx, cancel := context.WithCancel(t.Context())
	f.sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any()).DoAndReturn(
		func(ctx context.Context, _ connection.Token, _ event.Event) error {
			cancel()
			f.Disconnect(ctx, "token-2", connection.ReasonError)
			f.connect(t, "a", "token-2") // the same again: no lock is held
			if ctx.Err() != nil {
				t.Error("the end of the request ends the closing")
			}
			return nil
		})
	if _, err := f.Connect(ctx, "a", "token-2", ""); err != nil {
		t.Error(err)
	}
	f.metrics.want(t, 3, 2)
}

func TestEachConnectAndDisconnectIsCountedOnce(t *testing.T) { // C9
	f := newFixture(t)
	f.sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any()).Times(1)
	steps := []struct {
		does                  string
		step                  func()
		connects, disconnects int64
	}{
		{"a connect", func() { f.connect(t, "a", "token-1") }, 1, 0},
		{"the same again", func() { f.connect(t, "a", "token-1") }, 1, 0},
		{"a replacement", func() { f.connect(t, "a", "token-2") }, 2, 1},
		{"a late report about the replaced", func() { f.Disconnect(t.Context(), "token-1", "error") }, 2, 1},
		{"a taken token", func() { _, _ = f.Connect(t.Context(), "b", "token-2", "") }, 2, 1},
		{"a disconnect", func() { f.Disconnect(t.Context(), "token-2", "error") }, 2, 2},
		{"a second disconnect", func() { f.Gone(t.Context(), "token-2") }, 2, 2},
		{"another connect", func() { f.connect(t, "b", "token-3") }, 3, 2},
		{"a 404 of the gateway", func() { f.Gone(t.Context(), "token-3") }, 3, 3},
	}
	for _, s := range steps {
		s.step()
		t.Log("after " + s.does)
		f.metrics.want(t, s.connects, s.disconnects)
	}
}

func TestCountsAreThoseOfTheRegistryWhateverHappensAtOnce(t *testing.T) { // C9
	f := newFixture(t)
	f.sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	var busy sync.WaitGroup
	for worker := range 4 {
		busy.Go(func() {
			for i := range 500 {
				id := connection.RequestID(fmt.Sprintf("id-%d", i%3))
				token := connection.Token(fmt.Sprintf("token-%d", i%7)) // shared: repeated, taken and replaced
				_, _ = f.Connect(t.Context(), id, token, "")
				if i%4 == worker {
					f.Disconnect(t.Context(), token, connection.ReasonClientClosed)
				}
			}
		})
	}
	busy.Wait()
	f.metrics.want(t, f.metrics.disconnects.Load()+int64(f.registry.Count()), f.metrics.disconnects.Load())
}

func TestNothingConnectsOnceDrained(t *testing.T) { // T15
	f := newFixture(t)
	f.connect(t, "a", "token-1")
	f.Drain()
	if _, err := f.Connect(t.Context(), "b", "token-2", ""); !errors.Is(err, connection.ErrShuttingDown) {
		t.Errorf("Connect: %v, want ErrShuttingDown", err)
	}
	f.Disconnect(t.Context(), "token-1", connection.ReasonServerClosed)
	f.metrics.want(t, 1, 1)
}

func TestRegistryThatFailsChangesNothing(t *testing.T) {
	f := newFixture(t)
	broken := errors.New("registry is away")
	registry := mocks.NewMockRegistry(gomock.NewController(t))
	registry.EXPECT().Put(gomock.Any(), gomock.Any()).Return(connection.Connection{}, broken)
	registry.EXPECT().Remove(gomock.Any(), gomock.Any()).Return(connection.Connection{}, broken)
	m := f.over(registry)

	if _, err := m.Connect(t.Context(), "a", "token-1", ""); !errors.Is(err, broken) {
		t.Errorf("Connect: %v, want the registry's error", err)
	}
	m.Disconnect(t.Context(), "token-1", connection.ReasonError)
	f.metrics.want(t, 0, 0)
	f.logs.Want(t, "level=ERROR", "connection registry failed", "registry is away")
}

func TestLateReportsAreLoggedAtDebugLevel(t *testing.T) { // C4
	news := map[string]func(f fixture, ctx context.Context){
		"disconnect": func(f fixture, ctx context.Context) { f.Disconnect(ctx, "token-1", connection.ReasonError) },
		"gone":       func(f fixture, ctx context.Context) { f.Gone(ctx, "token-1") },
		"failed":     func(f fixture, ctx context.Context) { f.Failed(ctx, "token-1", gateway.ErrRefused) },
		"recover":    func(f fixture, ctx context.Context) { f.Recover(ctx, "token-1") },
	}
	for name, report := range news {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			report(f, t.Context())
			f.logs.Want(t, "level=DEBUG", "report about an unknown connection")
			f.metrics.want(t, 0, 0)
		})
	}
}

func TestGoneRemovesOnlyTheConnectionWithThatToken(t *testing.T) { // E5
	f := newFixture(t)
	f.sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any())
	f.connect(t, "a", "token-1")
	f.connect(t, "a", "token-2")
	f.Gone(t.Context(), "token-1")
	if got, err := f.registry.ByRequestID(t.Context(), "a"); err != nil || got.Token != "token-2" {
		t.Errorf("after a late report: %+v, %v; want the newer connection", got, err)
	}
	f.Gone(t.Context(), "token-2")
	if f.registry.Count() != 0 {
		t.Error("the connection that is gone is still registered")
	}
	f.logs.Want(t, "connection ended", "request_id=a", "reason=gone")
}

func TestFailedIsLoggedWithTheRequestID(t *testing.T) { // E6
	f := newFixture(t)
	f.connect(t, "a", "token-1")
	f.Failed(t.Context(), "token-1", gateway.ErrOverflow)
	f.logs.Want(t, "level=WARN", "request_id=a", gateway.ErrOverflow.Error())
	if f.registry.Count() != 1 {
		t.Error("a connection that lost an event was removed")
	}
}

func TestRecoverReturnsWhenEveryObserverHasRun(t *testing.T) { // E6
	f := newFixture(t)
	var calls []string
	f.observe("first", func(context.Context, connection.Connection) error { calls = append(calls, "first"); return nil })
	f.observe("last", func(_ context.Context, c connection.Connection) error {
		calls = append(calls, "last "+string(c.RequestID))
		return nil
	})
	f.connect(t, "a", "token-1")
	f.Recover(t.Context(), "token-1")
	if want := []string{"first", "last a"}; !slices.Equal(calls, want) {
		t.Errorf("observers were called as %q, want %q", calls, want)
	}
}

func TestAfterStopNothingConnectsAndNoObserverIsCalled(t *testing.T) { // C5, T15
	f := newFixture(t)
	f.observe("all", func(context.Context, connection.Connection) error {
		t.Error("an observer was called after Stop")
		return nil
	})
	opening := f.connect(t, "a", "token-1")
	if err := f.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	opening.Opened()
	opening.OpenedHere()
	f.Recover(t.Context(), "token-1")
	if _, err := f.Connect(t.Context(), "b", "token-2", ""); !errors.Is(err, connection.ErrShuttingDown) {
		t.Errorf("Connect after Stop: %v, want ErrShuttingDown", err)
	}
}
