package natsnodes_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsnodes"
	"heliograph/domain/cluster"
	"heliograph/test/contract/nodescontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// term is short, and long enough for a machine that is busy.
	term = 2 * time.Second
	// patience is much longer than anything here takes.
	patience = time.Minute
)

// node is one that serves.
type node struct {
	*natsnodes.Nodes
	t    *testing.T
	stop context.CancelFunc
	done chan error // gets what Serve returned
}

func open(t *testing.T, broker *natsbroker.Broker, name string) *natsnodes.Nodes {
	t.Helper()
	n, err := natsnodes.Open(t.Context(), broker, cluster.NewLife(name, rand.Text()), cluster.Identity{Version: "1.2", Revision: "c0ffee"}, term, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func join(t *testing.T, broker *natsbroker.Broker, name string) *natsnodes.Nodes {
	t.Helper()
	n := open(t, broker, name)
	if err := n.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestANodeThatHasNotJoinedTakesNoName(t *testing.T) {
	broker := brokertest.InProcess(t)
	n := join(t, broker, "node-1")
	if other := open(t, broker, "node-1"); other.Alive(other.Self()) || len(other.Present()) > 0 {
		t.Errorf("it is there already: %q", other.Present())
	}
	if other := join(t, broker, "node-2"); !other.Alive(n.Self()) {
		t.Error("the node of that name is gone")
	}
}

func start(t *testing.T, broker *natsbroker.Broker, name string) *node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n := &node{Nodes: join(t, broker, name), t: t, stop: cancel, done: make(chan error, 1)}
	go func() { n.done <- n.Serve(ctx) }()
	t.Cleanup(cancel)
	return n
}

// end ends a node that was not told that it leaves.
func (n *node) end() {
	n.t.Helper()
	n.stop()
	if err := <-n.done; err != nil {
		n.t.Error(err)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

func TestNodesContract(t *testing.T) {
	nodescontract.Run(t, func(t *testing.T) nodescontract.Subject {
		broker := brokertest.InProcess(t)
		return nodescontract.Subject{Join: func(t *testing.T, name string) nodescontract.Node {
			n := start(t, broker, name)
			ended := false
			end := func() { // once
				if !ended {
					n.end()
				}
				ended = true
			}
			t.Cleanup(end)
			return nodescontract.Node{
				Nodes: n, Roll: n, Vanish: func(*testing.T) { end() },
				Leave: func(t *testing.T) {
					end()
					if err := n.Leave(context.WithoutCancel(t.Context())); err != nil {
						t.Error(err)
					}
				},
			}
		}}
	})
}

func TestANewLifeEndsTheOneBefore(t *testing.T) {
	broker := brokertest.InProcess(t)
	one, two := start(t, broker, "one"), start(t, broker, "two")
	again := start(t, broker, "one")
	eventually(t, "the new life is known", func() bool { return two.Alive(again.Self()) && !two.Alive(one.Self()) })
	if err := <-one.done; !errors.Is(err, natsnodes.ErrNameTaken) {
		t.Errorf("the life before: %v, want ErrNameTaken", err)
	}
	if err := one.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	again.end()
	two.end()
}

// Records that are no node's stop no other one, not even under a node's own name.
func TestARecordThatIsNoHeartbeatIsLeftOut(t *testing.T) {
	broker := brokertest.InProcess(t)
	one := start(t, broker, "one")
	kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_nodes")
	if err != nil {
		t.Fatal(err)
	}
	for key, junk := range map[string]string{"one": "{", "two": `{"life":"three/x"}`, "four": `{"x":1}`} {
		if _, err := kv.PutString(t.Context(), key, junk); err != nil {
			t.Fatal(err)
		}
	}
	five := start(t, broker, "five")
	eventually(t, "the node has written over what is under its name", func() bool { return five.Alive(one.Self()) })
	if !slices.Equal(five.Present(), []string{"five", "one"}) {
		t.Errorf("present are %q", five.Present())
	}
	eventually(t, "all are counted", func() bool { return broker.Unreadable()["KV_heliograph_nodes"] == 3 })
	one.end()
	five.end()
}
