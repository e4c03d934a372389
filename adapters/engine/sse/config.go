package sse

import (
	"cmp"
	"runtime"
	"time"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
)

// Config holds an Engine's settings. Only Start and HistoryBytes have no
// useful zero value.
type Config struct {
	// Start is the position in the log after which the engine begins: that of the
	// broker. Its epoch is that of all events.
	Start event.ID
	// History is what the broker holds, for Resume, if other nodes have the log too
	// or it holds more than the engine; otherwise nil.
	History event.History
	// HistoryBytes bounds the log's memory (rule G4).
	HistoryBytes int
	// PrivateBytes bounds what waits for one stream outside the log; 0 is 256 KiB
	// (rule G4).
	PrivateBytes int
	// MaxStreams bounds the number of streams; 0 is no bound.
	MaxStreams int
	// Heartbeat is how long the log may be silent until a comment is sent; 0 is
	// for ever (rule G5).
	Heartbeat time.Duration
	// Ping is how often the event "ping" will be broadcast, if that is known: at first a
	// heartbeat that is due with one waits for it. 0 is never, or unknown.
	Ping time.Duration
	// StallTimeout is how long a stream may take nothing while there is something
	// for it; 0 is 30 s.
	StallTimeout time.Duration
	// DrainSpread is the span over which clients come back after a drain, if there are
	// many (rule G8).
	DrainSpread time.Duration
	// Format is wire.FormatNamed if empty.
	Format wire.Format
	// Shards is the number of goroutines that write adopted streams; 0 is one per
	// processor, a negative number none: then no stream can be adopted.
	Shards int
}

const (
	// defaultPrivateBytes is rule G4's.
	defaultPrivateBytes = 256 << 10
	// defaultStallTimeout is two heartbeats of the default interval: a client that takes
	// neither is gone or hardly reachable, and can come back and resume.
	defaultStallTimeout = 30 * time.Second
)

// vanishing returns how clients that vanished without closing the connection are
// noticed. Where there are heartbeats, no further probes are needed.
func (c Config) vanishing() transport.Vanishing {
	return transport.Vanishing{After: c.StallTimeout, Probes: c.Heartbeat == 0}
}

// withDefaults returns c with the zero values that stand for something else replaced.
func (c Config) withDefaults() Config {
	c.PrivateBytes = cmp.Or(c.PrivateBytes, defaultPrivateBytes)
	c.StallTimeout = cmp.Or(c.StallTimeout, defaultStallTimeout)
	c.Format = cmp.Or(c.Format, wire.FormatNamed)
	c.Shards = cmp.Or(c.Shards, runtime.GOMAXPROCS(0))
	return c
}
