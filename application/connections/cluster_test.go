package connections_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/mock/gomock"

	"heliograph/application/connections"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

// neighbour makes f's manager one of two nodes, and returns the mock through which it
// reaches the other one, node-2.
func neighbour(t *testing.T, f *fixture) *mocks.MockGatewayControl {
	t.Helper()
	f.control = mocks.NewMockGatewayControl(gomock.NewController(t))
	f.control.EXPECT().Owns(gomock.Any()).DoAndReturn(func(node string) bool { return node == "node-1" }).AnyTimes()
	f.Manager = f.over(f.registry)
	t.Cleanup(func() {
		if err := f.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return f.control
}

// elsewhere registers a connection of node-2.
func (f fixture) elsewhere(t *testing.T, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token, Node: "node-2"}
	if _, err := f.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAReplacedConnectionOfAnotherNodeIsClosedThere(t *testing.T) { // C3, C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		f.elsewhere(t, "a", "token-old")
		control.EXPECT().Close(gomock.Any(), "node-2", connection.Token("token-old"), replaced)
		f.connect(t, "a", "token-new")
		synctest.Wait()
		f.metrics.want(t, 1, 0) // the other node counts its own

		f.elsewhere(t, "b", "token-b")
		control.EXPECT().Close(gomock.Any(), "node-2", connection.Token("token-b"), replaced).Return(gateway.ErrRefused)
		f.connect(t, "b", "token-c")
		synctest.Wait()
		f.logs.Want(t, "level=WARN", "could not be closed", "request_id=b")
	})
}

func TestANodeThatDoesNotAnswerIsLoggedOnce(t *testing.T) { // C3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		const warning = "node does not answer"
		for _, c := range []struct {
			id       connection.RequestID
			err      error
			warnings int
		}{{"a", gateway.ErrNodeAway, 1}, {"b", gateway.ErrNodeAway, 1}, {"c", nil, 1}, {"d", gateway.ErrNodeAway, 2}} {
			f.elsewhere(t, c.id, "token-old-"+connection.Token(c.id))
			control.EXPECT().Close(gomock.Any(), "node-2", gomock.Any(), replaced).Return(c.err)
			f.connect(t, c.id, "token-new-"+connection.Token(c.id))
			synctest.Wait()
			if got := strings.Count(f.logs.String(), `msg="`+warning); got != c.warnings {
				t.Errorf("after %s: %d warnings, want %d", c.id, got, c.warnings)
			}
		}
	})
}

func TestTheEndOfAnotherNodesConnectionIsReportedToIt(t *testing.T) { // C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		f.elsewhere(t, "a", "token-a")
		control.EXPECT().Ended(gomock.Any(), "node-2", connection.Token("token-a"), connection.ReasonClientClosed).Return(gateway.ErrNodeAway)
		f.Disconnect(t.Context(), "token-a", connection.ReasonClientClosed)
		synctest.Wait()
		f.metrics.want(t, 0, 0)
		if _, err := f.registry.ByToken(t.Context(), "token-a"); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	})
}

func TestAnotherNodeCanCloseAStream(t *testing.T) { // C3, C9
	f := newFixture(t)
	f.connect(t, "a", "token-a")
	f.connect(t, "b", "token-b")
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-a"), replaced)
	peer := connections.NewPeer(f.Manager)
	if err := peer.Close(t.Context(), "token-a", replaced); err != nil {
		t.Error(err)
	}
	peer.Ended(t.Context(), "token-b", connection.ReasonClientClosed)
	f.metrics.want(t, 2, 2)
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-x"), replaced).Return(gateway.ErrUnknownToken)
	if err := peer.Close(t.Context(), "token-x", replaced); !errors.Is(err, gateway.ErrUnknownToken) {
		t.Errorf("close of an unknown one: %v", err)
	}
	f.metrics.want(t, 2, 2)
}

func TestAnAdoptedOrphanIsCountedObservedAndFetchesTheState(t *testing.T) { // C8, C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		neighbour(t, &f)
		observed := make(chan connection.Connection, 2)
		f.observe("all", func(_ context.Context, c connection.Connection) error { observed <- c; return nil })
		orphan := f.elsewhere(t, "a", "token-a")
		adopted := orphan
		adopted.Node = "node-1"
		from := mocks.NewMockOrphans(gomock.NewController(t))
		from.EXPECT().Adopt(gomock.Any(), orphan).Return(adopted, nil)
		f.sender.EXPECT().Send(gomock.Any(), connection.Token("token-a"), resetEpoch)
		if err := f.AdoptOrphan(t.Context(), orphan, from); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := <-observed; !got.Same(adopted) {
			t.Errorf("observed was %+v, want %+v", got, adopted)
		}
		f.metrics.want(t, 1, 0)

		for _, err := range []error{connection.ErrNotFound, connection.ErrUnavailable} {
			from.EXPECT().Adopt(gomock.Any(), orphan).Return(connection.Connection{}, err)
			got := f.AdoptOrphan(t.Context(), orphan, from)
			if errors.Is(err, connection.ErrNotFound) && got != nil || errors.Is(err, connection.ErrUnavailable) && !errors.Is(got, err) {
				t.Errorf("adopt, after %v: %v", err, got)
			}
		}
		synctest.Wait()
		f.metrics.want(t, 1, 0)
		if len(observed) != 0 {
			t.Error("a connection that was not adopted was observed")
		}
	})
}

func TestAReleasedConnectionIsCountedOnce(t *testing.T) { // C9
	f := newFixture(t)
	neighbour(t, &f)
	f.connect(t, "a", "token-a")
	c := connection.Connection{RequestID: "a", Token: "token-a", Node: "node-1"}
	from := mocks.NewMockOrphans(gomock.NewController(t))
	from.EXPECT().Release(c.Token).Return(true)
	from.EXPECT().Release(c.Token).Return(false)
	for range 2 {
		f.Release(c, from)
		f.metrics.want(t, 1, 1)
	}
}

func TestAConnectionThatWasReplacedUnnoticedIsClosed(t *testing.T) { // C3, C9
	f := newFixture(t)
	neighbour(t, &f)
	f.connect(t, "a", "token-a")
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-a"), replaced).Return(gateway.ErrRefused)
	f.CloseReplaced(t.Context(), connection.Connection{RequestID: "a", Token: "token-a", Node: "node-1"})
	f.metrics.want(t, 1, 1)
	f.logs.Want(t, "level=WARN", "could not be closed", "request_id=a")
}
