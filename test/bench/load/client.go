//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Client holds streams and publishes. Its exported methods have the form that
// net/rpc asks for and are called one at a time.
type Client struct {
	epoll    int
	events   []unix.EpollEvent
	buf      []byte
	began    time.Time // stamps count from here
	streams  []stream
	opening  int    // streams without their headers
	waiting  int    // streams without their first event
	ended    int    // streams that the server ended or refused
	lastID   string // the last event ID on the first stream
	served   uint64 // numbers the streams for the server
	messages int    // that have come in all
	next     uint64 // the number of the next message
	run      *run   // the publishing under way, or nil
}

// room is what a buffer keeps free in front for the beginning of a frame from
// the read before, and size what one read takes at most.
const (
	room = 64 << 10
	size = 256 << 10
)

// New returns a client without streams.
func New() (*Client, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &Client{epoll: epoll, events: make([]unix.EpollEvent, 256), buf: make([]byte, room+size), began: time.Now()}, nil
}

// waitLimit is how long nothing that counts may come while something is expected.
const waitLimit = 20 * time.Second

// errQuiet: what was expected did not come.
var errQuiet = errors.New("nothing has come for 20s")

// poll reads from the streams until done says that it is enough.
func (c *Client) poll(done func() (bool, error)) error {
	since, before := time.Now(), c.come()
	for {
		if enough, err := done(); enough || err != nil {
			return err
		}
		n, err := unix.EpollWait(c.epoll, c.events, 5) // ms, so that done is asked now and then
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for streams: %w", err)
		}
		for i := range max(n, 0) {
			c.ready(&c.streams[c.events[i].Fd])
		}
		if now := c.come(); now != before {
			since, before = time.Now(), now
		} else if time.Since(since) > waitLimit {
			return errQuiet
		}
	}
}

// come is what counts; heartbeats do not.
func (c *Client) come() [4]int { return [4]int{c.messages, c.opening, c.waiting, len(c.streams)} }

// Nothing is the argument or the result of a call that has none.
type Nothing struct{}

// Close ends all streams with a reset, which leaves no port waiting.
func (c *Client) Close(Nothing, *Nothing) error {
	for i := range c.streams {
		if s := &c.streams[i]; s.state != ended {
			s.reset()
		}
	}
	c.streams, c.opening, c.waiting, c.ended, c.lastID = nil, 0, 0, 0, ""
	return nil
}
