package sse

import (
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// latencies measures, per log event, how long it takes from its appending until
// the last of the streams that were attached then has written it or is gone
// (rule M2).
type latencies struct {
	metrics gateway.Metrics

	mu    sync.Mutex
	first uint64 // number of the event that open[0] is for; guarded by mu
	open  []pass // guarded by mu
}

// pass is one log event that streams are still writing.
type pass struct {
	service event.Service
	begun   time.Time
	left    int // streams that have not written it
}

// begin opens the pass of the next event, event number n (from 1), for so many
// streams. It is called in the order of the log, before streams can see the
// event.
func (l *latencies) begin(n uint64, s event.Service, now time.Time, streams int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == 0 {
		l.first = n
	}
	l.open = append(l.open, pass{service: s, begun: now, left: streams})
}

// Done records that so many streams have written the events after number from, up to
// number to, or ended.
func (l *latencies) Done(from, to uint64, streams int) {
	if from >= to {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := max(from+1, l.first); n <= to && n < l.first+uint64(len(l.open)); n++ {
		l.open[n-l.first].left -= streams
	}
	l.closeLocked(now)
}

// settle observes what no stream had to write.
func (l *latencies) settle() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLocked(now)
}

// closeLocked observes the finished passes at the front. Passes end in order:
// a stream that has written an event has written all before it.
func (l *latencies) closeLocked(now time.Time) {
	n := 0
	for n < len(l.open) && l.open[n].left <= 0 {
		l.metrics.Took(l.open[n].service, now.Sub(l.open[n].begun))
		n++
	}
	l.first += uint64(n)
	l.open = l.open[n:]
	if len(l.open) == 0 {
		l.open = nil
	}
}

// delivery measures how long it takes until the last stream has written an event that is
// for some (rule M2).
type delivery struct {
	service event.Service
	begun   time.Time
	left    atomic.Int32 // streams that have not written it, and one for who publishes it
}

func newDelivery(service event.Service) *delivery {
	d := &delivery{service: service, begun: time.Now()}
	d.left.Store(1)
	return d
}

// begin says that the event is queued for one more stream.
func (d *delivery) begin() { d.left.Add(1) }

// done says that one stream has written it or has ended, or that it is queued for all.
func (d *delivery) done(m gateway.Metrics) {
	if d.left.Add(-1) == 0 {
		m.Took(d.service, time.Since(d.begun))
	}
}
