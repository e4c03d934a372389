package natscontrol_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natscontrol"
	"heliograph/domain/gateway"
	"heliograph/test/contract/controlcontract"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

func TestControlContract(t *testing.T) {
	controlcontract.Run(t, func(t *testing.T, peer gateway.Peer) controlcontract.Subject {
		broker := brokertest.InProcess(t)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		var serving sync.WaitGroup
		t.Cleanup(func() {
			cancel()
			serving.Wait()
		})
		other := open(t, broker, "node 2.*")
		serving.Go(func() {
			if err := other.Serve(ctx, peer); err != nil {
				t.Error(err)
			}
		})
		return controlcontract.Subject{Control: open(t, broker, "node-1"), Self: "node-1", Node: "node 2.*", Away: "node-3"}
	})
}

func open(t *testing.T, broker *natsbroker.Broker, node string) *natscontrol.Control {
	t.Helper()
	c, err := natscontrol.Open(broker, node, silent)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestARequestThatCannotBeReadIsAnsweredAndCounted(t *testing.T) {
	broker := brokertest.InProcess(t)
	c := open(t, broker, "node-1")
	peer := mocks.NewMockGatewayPeer(gomock.NewController(t)) // it is asked for nothing
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := c.Serve(ctx, peer); err != nil {
			t.Error(err)
		}
	})
	defer serving.Wait()
	defer cancel()
	for range 2 {
		answer, err := broker.Conn().RequestWithContext(t.Context(), "heliograph.node.node-1.streams", []byte("{"))
		if err != nil || string(answer.Data) == "ok" {
			t.Fatalf("%+v, %v; want an answer that says what is wrong", answer, err)
		}
	}
	if n := broker.Unreadable()["requests of other nodes"]; n != 2 {
		t.Errorf("counted are %d, want 2", n)
	}
}
