//go:build linux

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// PublishArgs says what to publish and how fast. It ends after Messages or
// after For, whichever is not zero and comes first.
type PublishArgs struct {
	// Port, on 127.0.0.1, and Request: a whole HTTP request whose body has the
	// template of Payload in it.
	Port     int
	Request  []byte
	Messages int
	For      time.Duration
	// Window is how many messages may be on their way to some stream; 0 is no
	// bound.
	Window int
	// Rate is in messages a second; 0 is as fast as the window lets them.
	Rate float64
}

// Published is how it went.
type Published struct {
	Messages   int
	Deliveries int
	Lost       int           // deliveries that did not come
	Took       time.Duration // until the last delivery
	InFlight   float64       // messages that were on their way, on average
	Post       time.Duration // what publishing took, on average
	Latency    Latency       // from publishing to receipt, over all deliveries
	LastID     string        // the last event ID that the first stream has got
}

// posters is how many connections publish, each one message at a time.
const posters = 16

// Publish publishes to a server and waits until every message has come on every
// stream, or nothing comes any more.
func (c *Client) Publish(a PublishArgs, r *Published) error {
	run := newRun(&a, c)
	if err := run.start(c); err != nil {
		return err
	}
	c.run = run
	err := c.poll(run.progress)
	c.run = nil
	c.next = run.first + uint64(run.issued) //nolint:gosec // not negative
	run.close()
	*r = run.result()
	r.LastID = c.lastID
	if errors.Is(err, errQuiet) {
		err = nil // Lost tells
	}
	return errors.Join(err, run.wait())
}

// poster publishes over one connection, or over one for each message if the
// server closes it.
type poster struct {
	port    int
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	mark    []byte // in request
}

func newPoster(a *PublishArgs) (*poster, error) {
	request := bytes.Clone(a.Request)
	at := bytes.Index(request, []byte(blankMark))
	if at < 0 {
		return nil, errors.New("the request to publish has no mark")
	}
	p := &poster{port: a.Port, request: request, mark: request[at:]}
	return p, p.dial()
}

func (p *poster) dial() error {
	conn, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.port})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	p.conn, p.reader = conn, bufio.NewReader(conn)
	return nil
}

func (p *poster) post(seq uint64, at time.Duration) error {
	putMark(p.mark, seq, at)
	deadline := p.conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := p.conn.Write(p.request); err != nil || deadline != nil {
		return fmt.Errorf("publish: %w", errors.Join(err, deadline))
	}
	answer, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode/100 != 2 {
		return errors.Join(fmt.Errorf("publish: %s: %s", answer.Status, body), err)
	}
	if answer.Close {
		return errors.Join(p.conn.Close(), p.dial())
	}
	return nil
}

// posterPool is the posters at work.
type posterPool struct {
	all    sync.WaitGroup
	tokens chan struct{} // one for each message to publish
	seq    atomic.Uint64
	posted atomic.Int64
	took   atomic.Int64 // nanoseconds in all posts
	closed bool
	failed chan error
}

func (w *posterPool) start(c *Client, a *PublishArgs) error {
	for range posters {
		p, err := newPoster(a)
		if err != nil {
			return err
		}
		w.all.Go(func() {
			for range w.tokens {
				if err := w.post(c, p); err != nil {
					w.failed <- err
					break
				}
			}
			_ = p.conn.Close() // nothing is lost with it
		})
	}
	return nil
}

func (w *posterPool) post(c *Client, p *poster) error {
	at := time.Since(c.began)
	err := p.post(w.seq.Add(1)-1, at)
	w.took.Add(int64(time.Since(c.began) - at))
	w.posted.Add(1)
	return err
}

// close lets the posters finish what they have been given.
func (w *posterPool) close() {
	if !w.closed {
		w.closed = true
		close(w.tokens)
	}
}

// wait returns when no poster runs any more, with what went wrong.
func (w *posterPool) wait() error {
	w.all.Wait()
	close(w.failed)
	var err error
	for one := range w.failed {
		err = errors.Join(err, one)
	}
	return err
}
