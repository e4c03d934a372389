package stream_test

import (
	"testing"
	"time"

	"heliograph/domain/event"
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
	at := time.Date(2026, 3, 1, 12, 0, 0, 900, time.FixedZone("east", 3600))
	for want, ev := range map[string]event.Event{ // A17
		`auth_expiring {"expires_at":"2026-03-01T11:00:00Z"}`: stream.AuthExpiring(at), "auth_expired {}": stream.AuthExpired(),
	} {
		if got := ev.Name + " " + string(ev.Data); got != want || ev.Validate() != nil || !ev.Control() || !stream.IsControl(ev.Name) {
			t.Errorf("%s, want the control event %s", got, want)
		}
	}
	if stream.IsControl("task_event") || stream.IsControl("") {
		t.Error("an event of the application is taken for a control event")
	}
}
