package natspending_test

import (
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/internal/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspending"
	"heliograph/domain/version"
	"heliograph/test/contract/versionpendingcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bound = 8

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
		return versionpendingcontract.Subject{Pending: open(t, brokertest.InProcess(t)), Bound: bound}
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
	if _, err := natspending.Open(t.Context(), nil, 0); err == nil {
		t.Error("no error")
	}
}
