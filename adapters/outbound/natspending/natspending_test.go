package natspending_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/outbound/natspending"
	"heliograph/domain/version"
	"heliograph/test/contract/versionpendingcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bound = 8

func inProcess(t *testing.T, dir string) *natsbroker.Broker {
	t.Helper()
	broker, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: dir, Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	return broker
}

func open(t *testing.T, broker *natsbroker.Broker) *natspending.Pending {
	t.Helper()
	p, err := natspending.Open(t.Context(), broker, bound)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPendingContract(t *testing.T) {
	versionpendingcontract.Run(t, func(t *testing.T) versionpendingcontract.Subject {
		return versionpendingcontract.Subject{Pending: open(t, inProcess(t, t.TempDir())), Bound: bound}
	})
}

func TestPendingVersionsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	v, err := version.Named("1.4.2")
	if err != nil {
		t.Fatal(err)
	}
	before := inProcess(t, dir)
	if err := open(t, before).Put(t.Context(), "a", v); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, inProcess(t, dir)).Get(t.Context(), "a"); err != nil || got.Name() != "1.4.2" {
		t.Errorf("pending is %q, %v", got.Name(), err)
	}
}

func TestABoundBelowOneIsAnError(t *testing.T) { // V3
	if _, err := natspending.Open(t.Context(), nil, 0); err == nil {
		t.Error("no error")
	}
}
