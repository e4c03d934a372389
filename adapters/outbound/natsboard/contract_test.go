package natsboard_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker/brokertest"
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

func TestAVersionThatCannotBeReadIsCounted(t *testing.T) {
	broker := brokertest.InProcess(t)
	board, err := natsboard.Open(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_version")
	if err != nil {
		t.Fatal(err)
	}
	for n, key := range []string{"current", "slot." + string(version.SlotSource)} {
		if _, err := kv.PutString(t.Context(), key, `{"version":1}`); err != nil {
			t.Fatal(err)
		}
		if v, err := board.Get(t.Context(), version.SlotSource); !errors.Is(err, version.ErrInvalid) || !v.Version.IsZero() {
			t.Errorf("the version is %s, %v; want ErrInvalid", v.Version.Payload(), err)
		}
		if counted := broker.Unreadable()["KV_heliograph_version"]; counted != uint64(n+1) {
			t.Errorf("counted are %d, want %d", counted, n+1)
		}
	}
}
