package cluster_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"heliograph/test/programs"
)

var (
	faultTime = flag.Duration("faults", 30*time.Second, "how long faults go on")
	faultSeed = flag.Uint64("seed", 6, "what the faults are drawn from; 0 is a new one each time")
	crowdSize = flag.Int("crowd", 10_000, "streams of the rolling restart")
)

func TestMain(m *testing.M) { programs.Main(m, 1) }

// waitLimit bounds every wait for what must come: more than a NATS cluster needs to
// find new leaders (up to 9 s, and again when they fall), a lease to end, and a
// busy machine.
const waitLimit = 60 * time.Second

// eventually waits until nothing is missing.
func eventually(t *testing.T, what string, missing func() error) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitLimit); ; {
		err := missing()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Errorf("waited %s in vain for this: %s: %s", waitLimit, what, err)
			return
		}
	}
}

// pause lets some time pass in which the processes go on.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
