//go:build linux

package bench

import "time"

// Options say how long and how large to measure.
type Options struct {
	Sizes  []int // connections
	Rounds int   // of which the median is shown
	// Below is Rounds for all sizes but the largest; 0 is Rounds.
	Below int
	// Pipelined and Paced are how long each kind of traffic lasts; Settle how long
	// a server has nothing to do before its memory is read.
	Pipelined, Paced, Settle time.Duration
	// WarmUp is how many messages a server gets on few connections before anything
	// is measured.
	WarmUp int
	// Tasks says that the subjects are Tasks.
	Tasks bool
	// Cluster says that the subjects are those of Cluster.
	Cluster bool `json:",omitempty"`
	// Output says that RunOutput measures.
	Output bool `json:",omitempty"`
	// Clients says that the subjects are clients in a browser.
	Clients bool `json:",omitempty"`
	// Missed is how many events the replayed client has missed; 0 measures neither
	// replay nor the storm.
	Missed int
}

// Full is what the published tables are made with.
func Full() Options {
	return Options{
		Sizes: []int{100, 1000, 10000}, Rounds: 5, Pipelined: 5 * time.Second, Paced: 10 * time.Second, Settle: 3 * time.Second,
		WarmUp: 6000, Missed: 10000,
	}
}

// Quick takes a few minutes for Own.
func Quick() Options {
	o := Full()
	o.Sizes, o.Rounds, o.Pipelined, o.Paced, o.Settle = []int{1000, 10000}, 3, 3*time.Second, 5*time.Second, 2*time.Second
	return o
}

const (
	inFlight     = 16   // messages, pipelined
	pacedRate    = 10   // messages a second
	warmStreams  = 10   // connections during the warm-up
	parallel     = 256  // connections being opened at one time
	parallelBack = 2000 // likewise when all come back at once; the backlog is 4096
)
