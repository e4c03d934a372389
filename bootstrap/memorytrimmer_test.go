package bootstrap_test

import (
	"testing"

	"heliograph/bootstrap"
)

func TestMemoryIsReturnedOnceAStormIsOver(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var trimmer bootstrap.Trimmer
	for i, look := range []struct {
		allocated, live uint64
		want            bool
	}{
		{100 * mb, 10 * mb, false}, // the storm
		{180 * mb, 20 * mb, false},
		{180*mb + 1000, 20 * mb, true},  // is over
		{180*mb + 2000, 15 * mb, false}, // and trimmed
		{188 * mb, 15 * mb, false},
		{188*mb + 1000, 15 * mb, false}, // too little garbage for such a heap
		{200 * mb, 15 * mb, false},
		{200*mb + 1000, 15 * mb, true},
	} {
		if got := trimmer.Due(look.allocated, look.live); got != look.want {
			t.Errorf("look %d, %d bytes allocated and %d alive: due is %v", i, look.allocated, look.live, got)
		}
	}
}
