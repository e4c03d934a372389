package httpsender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

const (
	// idleTimeout is how long an unused connection is kept. It is less than the
	// 5 s after which a Node.js server closes its end: a push that meets such a
	// close is lost, since repeating it could deliver twice (rule E7).
	idleTimeout = 4 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes. Those of the protocol
	// are short; after a longer one the connection is not used again.
	maxAnswer = 4 << 10
)

// client speaks the gateway's wire protocol. It is safe for concurrent use.
type client struct {
	transport *http.Transport
	send      *http.Request // what every push has in common
	timeout   time.Duration
}

func newClient(cfg Config) (*client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("gateway URL cannot be parsed") // its text may hold a password
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("gateway URL %s: want http:// or https://, a host and at most a path", base.Redacted())
	}
	if base.Path == "" {
		base.Path = "/" // or what JoinPath makes of it is relative
	}
	return &client{
		// A bare transport follows no redirects.
		transport: &http.Transport{
			DialContext:         cfg.Dial,
			TLSHandshakeTimeout: cfg.Timeout,
			MaxConnsPerHost:     cfg.Parallel,
			MaxIdleConnsPerHost: cfg.Parallel,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
		},
		send:    newRequest(base.JoinPath("internal", "send")),
		timeout: cfg.Timeout,
	}, nil
}

func newRequest(u *url.URL) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{
		"Content-Type": {"application/json"},
		"User-Agent":   {"heliograph"},
	}}
	if u.User != nil {
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
	}
	return r
}

// push delivers m to one stream. Errors: gateway.ErrUnknownToken, ErrRefused,
// ErrUnreachable; after the last the gateway may have got it.
func (c *client) push(ctx context.Context, token connection.Token, m *message) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.transport.RoundTrip(c.request(ctx, m.body(token)))
	if err != nil {
		return fmt.Errorf("%w: %w", gateway.ErrUnreachable, err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing to be done about it
	rest := io.LimitReader(answer.Body, maxAnswer)
	err = meaning(answer.StatusCode, rest)
	_, _ = io.Copy(io.Discard, rest) // so that the connection can be used again
	return err
}

func (c *client) request(ctx context.Context, body []byte) *http.Request {
	r := c.send.WithContext(ctx)
	r.ContentLength = int64(len(body))
	// Asked for again only if the gateway had closed a kept-alive connection
	// before anything was written to it.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return r
}

// meaning says what an answer means for the event.
func meaning(status int, body io.Reader) error {
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusNotFound:
		return gateway.ErrUnknownToken
	}
	var why struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.NewDecoder(body).Decode(&why) // whoever answered may not speak the protocol
	return fmt.Errorf("%w: status %d, code %.40q", gateway.ErrRefused, status, why.Error.Code)
}
