//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stream is one socket.
type stream struct {
	fd    int
	state state
	rest  []byte // came, but is not whole yet
}

type state uint8

const (
	opening state = iota // headers have not come
	waiting              // headers have come, no event yet
	flowing
	ended
)

// perAddress is how many streams leave from one address of loopback: past half
// of the ephemeral ports the kernel searches long for the next.
const perAddress = 8000

// dial opens the next stream. Connecting blocks, which on loopback is no wait
// as long as the server's backlog has room.
func (c *Client) dial(a *ConnectArgs) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	index := len(c.streams)
	c.streams = append(c.streams, stream{fd: fd})
	c.opening++
	c.waiting++
	if err := c.connect(fd, index, a.Ports[index%len(a.Ports)]); err != nil {
		return err
	}
	c.served++
	if _, err := unix.Write(fd, a.request(c.served)); err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	return nil
}

func (c *Client) connect(fd, index, port int) error {
	from := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + index/perAddress)}} //nolint:gosec // few
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, &from),
		unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}),
		unix.SetNonblock(fd, true),
		unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
			Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(index), //nolint:gosec // few
		}))
}

// request is the GET of the stream with number n.
func (a *ConnectArgs) request(n uint64) []byte {
	path := strings.ReplaceAll(a.Path, "{n}", strconv.FormatUint(n, 10))
	lines := append([]string{
		"GET " + path + " HTTP/1.1", "Host: 127.0.0.1", "Accept: text/event-stream",
	}, a.Header...)
	if a.LastEventID != "" {
		lines = append(lines, "Last-Event-ID: "+a.LastEventID)
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// reset ends a stream from this side.
func (s *stream) reset() {
	_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(s.fd)
	s.state, s.rest = ended, nil
}

// ready reads all that has come.
func (c *Client) ready(s *stream) {
	for s.state != ended {
		n, err := unix.Read(s.fd, c.buf[room:])
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return
		}
		if err != nil || n == 0 {
			c.end(s)
			return
		}
		from := room - len(s.rest)
		copy(c.buf[from:], s.rest)
		c.take(s, c.buf[from:room+n])
		if n < size {
			return // the socket is empty; if more comes, epoll says so
		}
	}
}

// end accounts for a stream that the server has ended.
func (c *Client) end(s *stream) {
	if s.state == opening {
		c.opening--
	}
	if s.state <= waiting {
		c.waiting--
	}
	c.ended++
	s.reset()
}

// take makes what it can of b, and keeps the rest.
func (c *Client) take(s *stream, b []byte) {
	if s.state == opening {
		headers := bytes.Index(b, []byte("\r\n\r\n"))
		if headers < 0 {
			s.rest = append(s.rest[:0], b...)
			return
		}
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
			c.end(s)
			return
		}
		s.state = waiting
		c.opening--
		b = b[headers+len("\r\n\r\n"):]
	}
	if s.state == waiting && bytes.Contains(b, frameEnd) {
		s.state = flowing
		c.waiting--
	}
	if s == &c.streams[0] {
		c.note(b)
	}
	s.rest = append(s.rest[:0], c.count(b)...)
}

// note remembers the ID of the last whole event.
func (c *Client) note(b []byte) {
	if id := eventID(b[:bytes.LastIndex(b, frameEnd)+1]); id != "" {
		c.lastID = id
	}
}

// count counts the messages in b and returns what is left.
func (c *Client) count(b []byte) (rest []byte) {
	for len(b) > 0 {
		mark, rest := nextMessage(b)
		if mark == nil {
			return rest
		}
		c.messages++
		if c.run != nil {
			c.run.received(mark, c)
		}
		b = rest
	}
	return b
}
