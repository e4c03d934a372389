//go:build linux

package load

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// run is one publishing: what may go out, and what has come. All but the pool
// is owned by the goroutine that polls.
type run struct {
	posterPool

	args     *PublishArgs
	first    uint64 // the first message's number
	streams  int
	began    time.Time
	issued   int
	got      []int32         // deliveries of each message
	complete int             // messages that have come on every stream
	last     time.Time       // when the last delivery came
	onTheWay time.Duration   // sum over complete messages
	total    int             // deliveries
	delays   []time.Duration // of each delivery, with a rate
}

// endless is more messages than any run publishes.
const endless = 10_000_000

func newRun(a *PublishArgs, c *Client) *run {
	r := &run{args: a, first: c.next, streams: len(c.streams) - c.ended, began: time.Now(), last: time.Now()}
	r.tokens, r.failed = make(chan struct{}, cmp.Or(a.Window, 1<<16)), make(chan error, posters)
	r.seq.Store(c.next)
	if a.Rate > 0 {
		r.delays = make([]time.Duration, 0, int(a.Rate*a.For.Seconds()+1)*r.streams)
	}
	return r
}

func (r *run) start(c *Client) error { return r.posterPool.start(c, r.args) }

// progress lets out what may go out, and reports whether all is done.
func (r *run) progress() (bool, error) {
	select {
	case err := <-r.failed:
		return false, err
	default:
	}
	if r.streams == 0 { // without streams it is complete once it was taken
		r.complete = int(r.posted.Load())
	}
	over := r.args.For > 0 && time.Since(r.began) >= r.args.For
	for most := r.allowed(); !over && r.issued < most; r.issued++ {
		r.tokens <- struct{}{}
	}
	if over || r.issued == r.args.Messages {
		r.close()
	}
	return r.closed && r.complete == r.issued, nil
}

// allowed is how many messages may have been published by now.
func (r *run) allowed() int {
	most := cmp.Or(r.args.Messages, endless)
	if r.args.Window > 0 {
		most = min(most, r.complete+r.args.Window)
	}
	if r.args.Rate > 0 {
		most = min(most, 1+int(time.Since(r.began).Seconds()*r.args.Rate))
	}
	return most
}

// received accounts for one delivery. What is not of this run is not counted.
func (r *run) received(mark []byte, c *Client) {
	i := int(seqOf(mark) - r.first) //nolint:gosec // ten digits
	if i < 0 || i >= r.issued {
		return
	}
	for i >= len(r.got) {
		r.got = append(r.got, 0)
	}
	r.got[i]++
	r.total++
	complete := int(r.got[i]) == r.streams
	if r.delays == nil && !complete {
		return
	}
	delay := time.Since(c.began) - timeOf(mark)
	if r.delays != nil {
		r.delays = append(r.delays, delay)
	}
	if complete {
		r.complete++
		r.onTheWay += delay
		r.last = time.Now()
	}
}

func (r *run) result() Published {
	took := r.last.Sub(r.began)
	return Published{
		Messages: r.issued, Deliveries: r.total, Lost: r.lost(), Took: took,
		InFlight: float64(r.onTheWay) / float64(max(took, 1)),
		Post:     time.Duration(r.took.Load() / int64(max(r.issued, 1))),
		Latency:  latency(r.delays),
	}
}

// lost counts what did not come; what came twice makes up for nothing.
func (r *run) lost() int {
	lost := r.issued * r.streams
	for _, n := range r.got {
		lost -= min(int(n), r.streams)
	}
	return lost
}

// Latency is a distribution.
type Latency struct {
	P50, P99, Max time.Duration
	// Percentiles has the percentiles 0 to 100; nil when nothing was measured.
	Percentiles []time.Duration
}

func latency(delays []time.Duration) Latency {
	if len(delays) == 0 {
		return Latency{}
	}
	slices.Sort(delays)
	all := make([]time.Duration, 101)
	for p := range all {
		all[p] = delays[int(math.Round(float64(p)/100*float64(len(delays)-1)))]
	}
	return Latency{P50: all[50], P99: all[99], Max: all[100], Percentiles: all}
}
