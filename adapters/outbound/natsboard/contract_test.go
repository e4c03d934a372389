package natsboard_test

import (
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/internal/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsboard"
	"heliograph/domain/version"
	"heliograph/test/contract/versionboardcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBoardContract(t *testing.T) {
	versionboardcontract.Run(t, func(t *testing.T) version.Board {
		board, err := natsboard.Open(t.Context(), brokertest.InProcess(t))
		if err != nil {
			t.Fatal(err)
		}
		return board
	})
}
