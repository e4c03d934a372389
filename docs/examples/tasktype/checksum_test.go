package tasktype_test

import (
	"encoding/json"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/docs/examples/tasktype"
	"heliograph/domain/task"
	"heliograph/test/contract/taskhandlercontract"
	"heliograph/test/mocks"
)

func checksum(t *testing.T) task.Handler {
	t.Helper()
	typ, err := tasktype.Type()
	if err != nil {
		t.Fatal(err)
	}
	return typ.Handler
}

func TestChecksumKeepsTheContract(t *testing.T) {
	taskhandlercontract.Run(t, func(t *testing.T) taskhandlercontract.Subject {
		return taskhandlercontract.Subject{
			Handler: checksum(t),
			Short:   json.RawMessage(`{"text":"abc","rounds":2}`),
			Endless: json.RawMessage(`{"text":"abc","rounds":9000000000000000000}`),
			Bad:     []json.RawMessage{nil, json.RawMessage(`[]`), json.RawMessage(`{"text":1}`), json.RawMessage(`{"text":"abc","rounds":0}`)},
		}
	})
}

func TestChecksumHashesAndReports(t *testing.T) {
	report := mocks.NewMockTaskReporter(gomock.NewController(t))
	report.EXPECT().Report("round 1 of 2", 0.5)

	got, err := checksum(t).Run(t.Context(), json.RawMessage(`{"text":"abc","rounds":2}`), report)
	const want = `{"sha256":"4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
