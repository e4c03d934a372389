package natsoutput_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsoutput"
	"heliograph/domain/output"
	"heliograph/test/contract/outputcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// total has room for what NATS keeps beside the text.
const total = 12 * 2 * output.MinTail

func open(t *testing.T, broker *natsbroker.Broker) *natsoutput.Store {
	t.Helper()
	s, err := natsoutput.Open(t.Context(), broker, natsoutput.Config{Tail: output.MinTail, Total: total}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreContract(t *testing.T) {
	outputcontract.Run(t, func(t *testing.T) outputcontract.Subject {
		broker := brokertest.InProcess(t)
		return outputcontract.Subject{Store: open(t, broker), Other: open(t, broker), Tail: output.MinTail, Total: total}
	})
}
