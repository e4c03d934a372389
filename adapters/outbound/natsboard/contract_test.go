package natsboard_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/outbound/natsboard"
	"heliograph/domain/version"
	"heliograph/test/contract/versionboardcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBoardContract(t *testing.T) {
	versionboardcontract.Run(t, func(t *testing.T) version.Board {
		cfg := natsbroker.Config{Dir: t.TempDir(), InMemory: true, Name: "test"}
		broker, err := natsbroker.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := broker.Close(); err != nil {
				t.Error(err)
			}
		})
		board, err := natsboard.Open(t.Context(), broker)
		if err != nil {
			t.Fatal(err)
		}
		return board
	})
}
