package orphans_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/orphans"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/test/mocks"
)

type tokens = []connection.Token

// gateways are the two kinds, and whether the streams of one outlive their node.
var gateways = map[string]bool{"with an embedded gateway": false, "with an external one": true}

func TestConnectionsOfALostNodeAreDeletedOrAdopted(t *testing.T) { // C8, C9
	for name, adopt := range gateways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture()
				f.put(t, "node-1", "a", "token-a")
				f.put(t, "node-2", "b", "token-b")
				f.own = tokens{"token-a"}
				nodes := &others{now: view{present: both, follows: true}}
				f.serve(t, adopt, nodes)
				pass(interval + 1)
				nodes.see(view{present: alone, follows: true})
				pass(interval)
				if got := f.registry.Count(); got != 2 {
					t.Errorf("a node that does not lead has taken over: %d connections are left", got)
				}
				nodes.see(view{present: alone})
				pass(interval)
				c, err := f.registry.ByRequestID(t.Context(), "b")
				if !adopt {
					if !errors.Is(err, connection.ErrNotFound) {
						t.Errorf("its record is %+v, %v; want it deleted", c, err)
					}
					f.want(t, nil, nil, nil)
					if !slices.Equal(f.lost, tokens{"token-b"}) {
						t.Errorf("said to be lost are %q", f.lost)
					}
					return
				}
				if len(f.lost) > 0 {
					t.Errorf("streams that go on are said to be lost: %q", f.lost)
				}
				if err != nil || c.Node != "node-1" {
					t.Errorf("its record is %+v, %v; want it to be node-1's", c, err)
				}
				f.want(t, tokens{"token-b"}, nil, nil)
			})
		})
	}
}

func TestConnectionsOfAnEarlierRunAreAdoptedAtTheStart(t *testing.T) { // C8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.put(t, "node-1", "a", "token-a")
		f.put(t, "node-2", "b", "token-b")
		f.serve(t, true, &others{now: view{present: both}})
		synctest.Wait()
		f.want(t, tokens{"token-a"}, nil, nil)
	})
}

func TestOrphansThatCannotBeListedAreListedLater(t *testing.T) { // C8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.put(t, "node-2", "b", "token-b")
		f.down.Store(true)
		f.serve(t, false, &others{now: view{present: alone}})
		pass(interval + 1)
		f.down.Store(false)
		pass(interval)
		if got := f.registry.Count(); got != 0 {
			t.Errorf("%d are left", got)
		}
		f.logs.Want(t, "level=WARN", "could not be listed")
	})
}

func TestMismatchesAreReconciled(t *testing.T) { // C1, C3, C9
	for name, adopt := range gateways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { mismatches(t, adopt) })
		})
	}
}

// mismatches sets up what the other nodes changed while they believed this node gone.
func mismatches(t *testing.T, adopt bool) {
	f := newFixture()
	view := &rosterView{Registry: f.registry, own: map[connection.Token]connection.Connection{}}
	for id, token := range map[connection.RequestID]connection.Token{"same": "token-1", "gone": "token-2", "taken": "token-3", "newer": "token-4"} {
		c := f.put(t, "node-1", id, token)
		view.own[token] = c
		if id == "same" {
			c.Principal = &access.Principal{Subject: "ann"} // its record is read anew each time
		}
		f.mismatched, f.own = append(f.mismatched, c), append(f.own, token)
	}
	f.mismatched = append(f.mismatched, connection.Connection{RequestID: "ended", Token: "token-0", Node: "node-1"})
	f.remove(t, "token-2", "token-3", "token-4")
	f.put(t, "node-2", "taken", "token-3")
	f.put(t, "node-2", "newer", "token-5")

	nodes := &others{now: following(true)}
	f.serve(t, adopt, nodes, func(d *orphans.Deps) { d.Registry = view })
	pass(interval + 1)
	if len(f.mismatched) == 0 {
		t.Error("it changed connections while the others believe that it is gone")
	}
	nodes.see(following(false))
	pass(interval)
	_, err := f.registry.ByRequestID(t.Context(), "gone")
	if back := err == nil; back == adopt {
		t.Errorf("what the others had removed: %v", err)
	}
	released := tokens{"token-3"}
	if adopt {
		released = tokens{"token-2", "token-3"}
	}
	f.want(t, nil, released, tokens{"token-4"})
}

func following(absent bool) view { return view{present: both, follows: true, absent: absent} }

// rosterView finds this node's own tokens, as one does that has a roster.
type rosterView struct {
	*memregistry.Registry

	own map[connection.Token]connection.Connection
}

func (r *rosterView) ByToken(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own[token]; known {
		return c, nil
	}
	return r.Registry.ByToken(ctx, token)
}

func TestTheRecordOfAFailedConnectIsDeletedOnceTheRegistryCanBeWritten(t *testing.T) { // C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		c := connection.Connection{RequestID: "a", Token: "token-a", Node: "node-1"}
		o := mocks.NewMockOrphans(gomock.NewController(t))
		o.EXPECT().List(gomock.Any(), gomock.Any()).AnyTimes()
		o.EXPECT().Mismatches().Return(nil, []connection.Connection{c})
		o.EXPECT().Mismatches().AnyTimes()
		gomock.InOrder(
			o.EXPECT().Delete(gomock.Any(), c).Return(connection.ErrUnavailable).Call,
			o.EXPECT().Delete(gomock.Any(), c).Call,
		)
		f.serve(t, false, &others{now: following(false)}, func(d *orphans.Deps) { d.Orphans = o })
		pass(3*interval + 1)
		f.logs.Want(t, "level=WARN", "trying again", "count=1")
	})
}
