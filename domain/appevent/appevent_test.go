package appevent_test

import (
	"errors"
	"strings"
	"testing"

	"heliograph/domain/appevent"
)

func TestNamesOfTheApplicationsEvents(t *testing.T) { // E11
	t.Parallel()
	for _, name := range []string{"a", "order_changed", "order.changed-2", "0", "-", "_", ".", "tasks", "versions", strings.Repeat("x", 64)} {
		if err := appevent.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", strings.Repeat("x", 65), "Order", "a b", "a:b", "a\nb", "a\r", "a\x00", "é", "a/b",
		"task_event", "task_snapshot", "task_output", "version", "replaced", "stream_reset", "rejected", "ready", "ping",
		"auth_expiring", "auth_expired", // A17
		"message", "open", "error", // an EventSource's own
	} {
		if err := appevent.CheckName(name); !errors.Is(err, appevent.ErrInvalidName) {
			t.Errorf("%q: %v, want ErrInvalidName", name, err)
		}
	}
}
