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
	// counts as quiet: a collection then delays no client.
	trimQuiet = 256 << 10
	// trimWorth is the least garbage, in bytes, that is worth a collection. A
	// larger heap has to have more: half of what lives in it.
	trimWorth = 4 << 20
)

// trimmer returns memory to the system once a storm of connects, or of
// anything else, is over. Go does so too, but garbage stays until the next
// collection, which a service that has become quiet does not begin for two
// minutes.
type trimmer struct {
	allocated uint64 // bytes at the last look
	trimmed   uint64 // bytes allocated at the last trim
}

// serve trims until ctx ends. It returns nil.
func (t *trimmer) serve(ctx context.Context) error {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			metrics.Read(samples)
			if t.due(samples[0].Value.Uint64(), samples[1].Value.Uint64()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// due reports whether to trim, after so many bytes were allocated since the
// start and with so many alive: hardly any were allocated since the last look,
// but many since the last trim.
func (t *trimmer) due(allocated, live uint64) bool {
	quiet := allocated-t.allocated < trimQuiet
	t.allocated = allocated
	if !quiet || allocated-t.trimmed < trimWorth+live/2 {
		return false
	}
	t.trimmed = allocated
	return true
}

func processComponents() []component {
	return []component{{Name: "memory trimmer", Phase: phaseProcess, Serve: new(trimmer).serve}}
}
