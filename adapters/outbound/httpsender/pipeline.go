package httpsender

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// pipeline posts to one path over a connection of its own, which it keeps: the
// gateway takes what is written one after the other, so the order holds though
// the next request does not wait for the answer to the one before it. That is
// what net/http cannot do, and what gives the gateway several events to write to
// its streams at once. It is not safe for concurrent use.
type pipeline struct {
	dial    func(ctx context.Context) (net.Conn, error)
	head    []byte // of every request, up to the value of Content-Length
	timeout time.Duration

	conn   net.Conn // nil when there is none
	reader *bufio.Reader
	used   time.Time
}

// newPipeline returns a pipeline that posts what template says.
func newPipeline(cfg Config, template *http.Request) *pipeline {
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", template.Method, template.URL.RequestURI(), template.Host)
	_ = template.Header.Write(&head) // into memory
	head.WriteString("Content-Length: ")
	return &pipeline{dial: dialer(cfg, template.URL.Scheme, template.URL.Hostname(), template.URL.Port()), head: head.Bytes(), timeout: cfg.Timeout}
}

// dialer returns what opens a connection to a host.
func dialer(cfg Config, scheme, host, port string) func(ctx context.Context) (net.Conn, error) {
	if port == "" {
		port = scheme // its name will do
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := cfg.Dial(ctx, "tcp", net.JoinHostPort(host, port))
		if err != nil || scheme == "http" {
			return conn, err
		}
		secure := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

// post posts bodies and calls done with the answer to each, in turn, until done
// fails. Errors: as client.push; those after the answered ones may have been
// taken, unless it is errNotSent.
func (p *pipeline) post(ctx context.Context, bodies [][]byte, done func(answer *http.Response) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if err := p.connect(ctx); err != nil {
		return fmt.Errorf("%w: %w: %w", gateway.ErrUnreachable, errNotSent, err)
	}
	conn := p.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	written := make(chan struct{})
	go func() { // in case that the gateway answers before it reads on
		defer close(written)
		_, _ = conn.Write(p.requests(bodies)) // an error shows in the answers
	}()
	err = p.answers(len(bodies), done)
	if err != nil {
		p.close()
	}
	<-written
	p.used = time.Now()
	if errors.Is(err, gateway.ErrUnreachable) && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return err
}

// connect opens a connection, unless there is one that the gateway has not
// closed for want of use.
func (p *pipeline) connect(ctx context.Context) (err error) {
	if p.conn != nil && time.Since(p.used) < idleTimeout {
		return nil
	}
	p.close()
	conn, err := p.dial(ctx)
	if err != nil {
		return err
	}
	p.conn, p.reader = conn, bufio.NewReader(conn)
	return nil
}

func (p *pipeline) requests(bodies [][]byte) []byte {
	var b []byte
	for _, body := range bodies {
		b = append(b, p.head...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n\r\n"...)
		b = append(b, body...)
	}
	return b
}

// answers reads n answers. One after which the gateway closes is the last.
func (p *pipeline) answers(n int, done func(*http.Response) error) error {
	for i := range n {
		answer, err := http.ReadResponse(p.reader, nil)
		if err != nil {
			return fmt.Errorf("%w: %w", gateway.ErrUnreachable, err)
		}
		err = done(answer)
		left, _ := io.CopyN(io.Discard, answer.Body, 1)
		_ = answer.Body.Close()
		switch {
		case err != nil:
			return err
		case answer.Close || left > 0:
			p.close()
			if i < n-1 {
				return fmt.Errorf("%w: it closed the connection", gateway.ErrUnreachable)
			}
		}
	}
	return nil
}

func (p *pipeline) close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

const (
	// maxDelivered is more streams than a gateway can hold.
	maxDelivered = 1 << 24
	// maxToken is how many bytes of an answer each token may take that it lists.
	maxToken = 256
)

// delivery is what a gateway says that became of a broadcast.
type delivery struct {
	streams int  // that it went to
	known   bool // streams makes sense
	unknown []connection.Token
}

// readDelivery reads the answer to a broadcast that named so many tokens. Errors: as
// client.push, but errNoBroadcast where there is no such endpoint.
func readDelivery(answer *http.Response, tokens int) (d delivery, err error) {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+int64(tokens)*maxToken))
	switch answer.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // a proxy that waits for it
		return d, fmt.Errorf("%w: status %d", gateway.ErrUnreachable, answer.StatusCode)
	}
	if err := meaning(answer.StatusCode, text); err != nil {
		if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed {
			err = errNoBroadcast
		}
		return d, err
	}
	var body struct {
		Status    string
		Delivered *float64
		Unknown   json.RawMessage
	}
	readable := json.Unmarshal(text, &body) == nil // what answered may not speak the protocol
	switch {
	case body.Status != "ok": // a proxy's page, say, while the gateway is away
		return d, fmt.Errorf("%w: the answer is none of the protocol's", gateway.ErrUnreachable)
	case !readable || body.Delivered == nil || *body.Delivered != math.Trunc(*body.Delivered) || *body.Delivered < 0 || *body.Delivered > maxDelivered:
		return d, nil
	}
	_ = json.Unmarshal(body.Unknown, &d.unknown) // likewise
	d.streams, d.known = int(*body.Delivered), true
	return d, nil
}
