package e2e_test

import (
	"testing"
	"time"
)

// waitLimit bounds every wait: far more than anything takes on a busy machine,
// so that running out of it means "never". No test asserts how long it took.
const waitLimit = 30 * time.Second

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitLimit); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %s in vain for this: %s", waitLimit, what)
		}
	}
}

// await waits for a channel's value or end.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waitLimit):
		t.Fatalf("waited %s in vain for this: %s", waitLimit, what)
	}
	panic("unreachable")
}
