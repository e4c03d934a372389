package natspending_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspending"
	"heliograph/domain/event"
	"heliograph/domain/version"
	"heliograph/test/contract/versionpendingcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bound, bytes = 64, 100 << 10

func open(t *testing.T, broker *natsbroker.Broker) *natspending.Pending {
	t.Helper()
	p, err := natspending.Open(t.Context(), broker, bound, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPendingContract(t *testing.T) {
	versionpendingcontract.Run(t, func(t *testing.T) versionpendingcontract.Subject {
		return versionpendingcontract.Subject{Pending: open(t, brokertest.InProcess(t)), Bound: bound, Bytes: bytes}
	})
}

func TestPendingVersionsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	v, err := version.Named("1.4.2")
	if err != nil {
		t.Fatal(err)
	}
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	if err := open(t, before).Put(t.Context(), "a", v); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, brokertest.Open(t, natsbroker.Config{Dir: dir})).Get(t.Context(), "a"); err != nil || got.Name() != "1.4.2" {
		t.Errorf("pending is %q, %v", got.Name(), err)
	}
}

func TestABoundBelowOneIsAnError(t *testing.T) { // V3
	for _, bounds := range [][2]int{{0, 1}, {-1, 1}, {1, 0}, {1, -1}} {
		if _, err := natspending.Open(t.Context(), nil, bounds[0], bounds[1]); err == nil {
			t.Errorf("Open with %d: no error", bounds)
		}
	}
}

func TestABrokerThatIsAwayIsErrUnavailable(t *testing.T) { // V2
	broker := brokertest.InProcess(t)
	p := open(t, broker)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := version.Named("1.4.2")
	if err != nil {
		t.Fatal(err)
	}
	_, got := p.Get(t.Context(), "a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, late := p.Get(ended, "a")
	for err, want := range map[error]error{
		p.Put(t.Context(), "a", v): event.ErrUnavailable, got: event.ErrUnavailable, p.Put(ended, "a", v): context.Canceled, late: context.Canceled,
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestAVersionThatCannotBeReadIsNone(t *testing.T) {
	broker := brokertest.InProcess(t)
	p := open(t, broker)
	kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_pending")
	if err == nil {
		_, err = kv.PutString(t.Context(), "a", `{"version":1}`)
	}
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Get(t.Context(), "a"); err != nil || !v.IsZero() {
		t.Errorf("pending is %s, %v; want none", v.Payload(), err)
	}
	if n := broker.Unreadable()["KV_heliograph_pending"]; n != 1 {
		t.Errorf("counted are %d, want 1", n)
	}
}
