package bootstrap

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// trimInterval is how often the heap is looked at: often enough that memory is
	// back soon after a storm of connects, and a look costs microseconds.
	trimInterval = 500 * time.Millisecond
	// trimQuiet is the allocation, in bytes per interval, under which the service
	// counts as quiet: a collection then costs nobody anything.
	trimQuiet = 1 << 20
	// trimWorth is how much memory there must be to return, in bytes.
	trimWorth = 4 << 20
)

// trimmer returns memory to the system once a storm of connects, or of
// anything else, is over. Go does so too, but garbage stays until the next
// collection, which a service that has become quiet does not begin for two
// minutes.
type trimmer struct {
	samples   []metrics.Sample
	allocated uint64 // at the last look
	trimmed   uint64 // allocated at the last trim
}

func newTrimmer() *trimmer {
	return &trimmer{samples: []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}}
}

// serve trims until ctx ends. It returns nil.
func (t *trimmer) serve(ctx context.Context) error {
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			t.look()
		}
	}
}

// look trims if nothing much was allocated since the last look, but enough
// since the last trim.
func (t *trimmer) look() {
	metrics.Read(t.samples)
	now := t.samples[0].Value.Uint64()
	quiet := now-t.allocated < trimQuiet
	t.allocated = now
	if quiet && now-t.trimmed > trimWorth {
		debug.FreeOSMemory()
		t.trimmed = now
	}
}
