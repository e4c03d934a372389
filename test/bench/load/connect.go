//go:build linux

package load

import (
	"errors"
	"time"
)

// ConnectArgs says which streams to open.
type ConnectArgs struct {
	Ports    []int    // on 127.0.0.1; the streams go to all of them in turn
	Path     string   // "{n}" becomes a number that no other stream has
	Header   []string // more lines of the request
	Streams  int
	Parallel int // how many are without their headers at one time
	// LastEventID is where to go on; "" is nowhere.
	LastEventID string
	// Await makes the call wait for the first event on every stream, and Messages
	// for so many messages on each.
	Await    bool
	Messages int
}

// Connected is how it went.
type Connected struct {
	Open     int           // streams that are open, with those opened before
	Took     time.Duration // until the last one had its headers
	Served   time.Duration // until all that was waited for had come
	Messages int           // that have come on all streams
}

// Connect opens streams beside those that are open.
func (c *Client) Connect(a ConnectArgs, r *Connected) error {
	begin, target := time.Now(), len(c.streams)+a.Streams
	c.messages = 0
	err := c.poll(func() (bool, error) {
		for len(c.streams) < target && c.opening < a.Parallel {
			if err := c.dial(&a); err != nil {
				return false, err
			}
		}
		if c.opening > 0 || len(c.streams) < target {
			return false, nil
		}
		if r.Took == 0 {
			r.Took = time.Since(begin)
		}
		return (!a.Await || c.waiting == 0) && c.messages >= a.Messages*a.Streams, nil
	})
	r.Served, r.Open, r.Messages = time.Since(begin), len(c.streams)-c.opening-c.ended, c.messages
	if errors.Is(err, errQuiet) {
		return nil // Open tells
	}
	return err
}
