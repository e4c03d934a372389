package transport

import "sync/atomic"

// Latencies records how far streams have written.
type Latencies interface {
	// Done records that so many streams have written the events after number from, up to
	// number to, or ended.
	Done(from, to uint64, streams int)
}

// account collects what the streams of a pass have written: most take the same step, so
// one call of it reports many. Not safe for concurrent use.
type account struct {
	latencies Latencies
	written   *atomic.Uint64 // bytes, of all shards

	from, to uint64 // the events after number from, up to number to,
	streams  int    // were written by so many streams
	bytes    uint64
}

// wrote records that n bytes were written.
func (a *account) wrote(n int) { a.bytes += uint64(n) } //nolint:gosec // a length

// moved records that a stream has written the events after number from, up to number to.
func (a *account) moved(from, to uint64) {
	if a.from != from || a.to != to {
		a.flush()
		a.from, a.to = from, to
	}
	a.streams++
}

// flush passes on what was collected.
func (a *account) flush() {
	if a.streams > 0 {
		a.latencies.Done(a.from, a.to, a.streams)
		a.from, a.to, a.streams = 0, 0, 0
	}
	a.written.Add(a.bytes)
	a.bytes = 0
}
