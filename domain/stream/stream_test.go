package stream_test

import (
	"testing"

	"heliograph/domain/stream"
)

func TestControlEventsAreValidAndKnown(t *testing.T) { // C3, G3
	t.Parallel()
	for _, reason := range []stream.ResetReason{stream.ResetExpired, stream.ResetEpoch, stream.ResetInvalid} {
		ev := stream.Reset(reason)
		if want := `{"reason":"` + string(reason) + `"}`; string(ev.Data) != want || ev.Validate() != nil || !ev.Control() || !stream.IsControl(ev.Name) {
			t.Errorf("%s: %+v, want the control event %s", reason, ev, want)
		}
	}
	if ev := stream.Replaced(); ev.Name != "replaced" || ev.Validate() != nil || !ev.Control() || !stream.IsControl(ev.Name) {
		t.Errorf("replaced: %+v", ev)
	}
	if stream.IsControl("task_event") || stream.IsControl("") {
		t.Error("an event of the application is taken for a control event")
	}
}
