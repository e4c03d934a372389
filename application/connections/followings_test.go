package connections_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/application/connections"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/test/mocks"
)

// followings keeps what it is told.
type followings struct {
	followed map[connection.Token]output.Followed
	ended    []connection.Token
	err      error
}

func (f *followings) FollowHere(_ context.Context, c connection.Connection, what output.Followed) error {
	f.followed[c.Token] = what
	return f.err
}

func (f *followings) Ended(token connection.Token) { f.ended = append(f.ended, token) }

func TestTheEndOfAConnectionIsTheEndOfWhatItFollows(t *testing.T) { // T22
	f := newFixture(t)
	all := &followings{followed: map[connection.Token]output.Followed{}}
	control := mocks.NewMockGatewayControl(gomock.NewController(t))
	control.EXPECT().Owns(gomock.Any()).DoAndReturn(func(node string) bool { return node == "node-1" }).AnyTimes()
	m := connections.New(connections.Config{Node: "node-1"}, connections.Deps{
		Registry: f.registry, Roster: f.registry, Sender: f.sender, Control: control, Followings: all, Metrics: f.metrics, Log: f.logs.Logger(),
	})
	for _, token := range []connection.Token{"a", "b", "c"} {
		if _, err := m.Connect(t.Context(), connection.RequestID(token), token, ""); err != nil {
			t.Fatal(err)
		}
	}
	peer := connections.NewPeer(m)
	want := output.Followed{Task: "t", Offset: 7}
	if err := peer.Follow(t.Context(), "a", want); err != nil || all.followed["a"] != want {
		t.Errorf("Follow: %v, %+v", err, all.followed)
	}
	all.err = output.ErrTooMany
	if err := peer.Follow(t.Context(), "b", want); !errors.Is(err, output.ErrTooMany) {
		t.Errorf("Follow: %v", err)
	}
	f.elsewhere(t, "elsewhere", "token-elsewhere")
	for _, token := range []connection.Token{"unknown", "token-elsewhere"} {
		if err := peer.Follow(t.Context(), token, want); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("Follow of %s: %v", token, err)
		}
	}
	m.Disconnect(t.Context(), "a", connection.ReasonClientClosed)
	m.Gone(t.Context(), "b")
	orphans := mocks.NewMockOrphans(gomock.NewController(t))
	orphans.EXPECT().Release(connection.Token("c")).Return(true)
	m.Release(connection.Connection{RequestID: "c", Token: "c", Node: "node-1"}, orphans)
	if diff := cmp.Diff([]connection.Token{"a", "b", "c"}, all.ended); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
}
