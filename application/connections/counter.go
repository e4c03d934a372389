package connections

import (
	"sync"

	"heliograph/domain/connection"
)

// counter counts connections in the order in which they come and go (rule C9). A
// connection can leave the registry before the goroutine that registered it counts it;
// its end is then counted after its beginning, so that no scrape sees fewer connections
// than there are. It is safe for concurrent use.
type counter struct {
	metrics connection.Metrics

	mu       sync.Mutex
	entering map[connection.Token]entry // guarded by mu
}

// entry is what happened to a token since it began to be registered.
type entry struct {
	registering int // calls under way
	ended       int // ends that are not counted yet
}

func newCounter(metrics connection.Metrics) *counter {
	return &counter{metrics: metrics, entering: map[connection.Token]entry{}}
}

// begin records that token is about to be registered. A call of end must follow.
func (c *counter) begin(token connection.Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entering[token]
	e.registering++
	c.entering[token] = e
}

// end records that token was registered, or was not because it was there already or for
// an error.
func (c *counter) end(token connection.Token, registered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if registered {
		c.metrics.Connected()
	}
	e := c.entering[token]
	if e.registering--; e.registering > 0 {
		c.entering[token] = e
		return
	}
	delete(c.entering, token)
	for range e.ended {
		c.metrics.Disconnected()
	}
}

// left records that token has left the registry.
func (c *counter) left(token connection.Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, known := c.entering[token]; known {
		e.ended++
		c.entering[token] = e
		return
	}
	c.metrics.Disconnected()
}
