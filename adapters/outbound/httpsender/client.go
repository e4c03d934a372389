package httpsender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

const (
	// idleTimeout is how long an unused connection is kept. It is less than the
	// 5 s after which a Node.js server closes its end: a push that meets such a
	// close is lost, since repeating it could deliver twice (rule E7).
	idleTimeout = 4 * time.Second
	// maxAnswer bounds what is read of an answer to a push, in bytes. Those of the
	// protocol are short; after a longer one the connection is not used again.
	maxAnswer = 4 << 10
	// maxPage bounds a page of streams, in bytes: pageSize URLs, which are mostly
	// far shorter than the 8 KiB that servers take.
	maxPage = 16 << 20
	// pageSize is how many streams are asked for at a time.
	pageSize = 1000
	// maxBody is what gateways take in one request that announce nothing, in bytes:
	// those in the field refuse more than 102,400.
	maxBody = 100_000
)

var (
	// errNotSent: the gateway has not got the request, which can be repeated.
	errNotSent = errors.New("not sent")
	// errSecret: the gateway's /internal endpoints ask for another secret.
	errSecret = errors.New("gateway refuses the secret: SSE_GATEWAY_SECRET must be its INTERNAL_SECRET")
	// errTooLarge: the gateway takes no body of that size, and would not another time.
	errTooLarge = fmt.Errorf("%w: too large", gateway.ErrRefused)
	// errNoBroadcast: the gateway has not the broadcast extension.
	errNoBroadcast = errors.New("gateway knows no broadcast")
)

// capabilities is what of the protocol's extensions a gateway announces.
type capabilities struct{ Broadcast, EventID, Connections bool }

// maxBody is how large a request may be, in bytes.
func (c capabilities) maxBody() int {
	if c == (capabilities{}) {
		return maxBody
	}
	return gateway.MaxBody
}

// client speaks the gateway's wire protocol. It is safe for concurrent use.
type client struct {
	pushes, control *http.Transport // apart, so that neither waits for the other

	base    *url.URL
	header  http.Header
	send    *http.Request // what every push has in common
	replay  *http.Request // what those have in common that repeat a log event to one stream
	toAll   *http.Request // what every broadcast has in common
	timeout time.Duration
	limit   atomic.Int64 // of a push's body, in bytes
}

func newClient(cfg Config) (*client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("gateway URL cannot be parsed") // its text may hold a password
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("gateway URL: want http:// or https://, a host and at most a path") // it may hold a token
	}
	if base.Path == "" {
		base.Path = "/" // or what JoinPath makes of it is relative
	}
	c := &client{pushes: newTransport(cfg, cfg.Parallel), control: newTransport(cfg, 2), base: base, timeout: cfg.Timeout}
	c.limit.Store(maxBody)
	c.header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"heliograph"}}
	if cfg.Secret != "" {
		c.header.Set("X-Internal-Secret", cfg.Secret)
	}
	c.send = c.newRequest(http.MethodPost, "", "internal", "send")
	c.replay = c.newRequest(http.MethodPost, "", "internal", "send")
	c.replay.Header.Set(gateway.ReplayHeader, "true")
	c.toAll = c.newRequest(http.MethodPost, "", "internal", "broadcast")
	return c, nil
}

// newTransport returns a bare transport, which follows no redirects.
func newTransport(cfg Config, connections int) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := cfg.Dial(ctx, network, address)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errNotSent, err)
			}
			return conn, nil
		},
		TLSHandshakeTimeout: cfg.Timeout,
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
	}
}

func (c *client) newRequest(method, query string, path ...string) *http.Request {
	u := c.base.JoinPath(path...)
	u.RawQuery = query
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: c.header.Clone()}
	if u.User != nil {
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
	}
	return r
}

// push delivers an event to one stream. Errors: gateway.ErrUnknownToken,
// ErrRefused, ErrUnreachable, after which the gateway may have got it, errNotSent,
// errSecret, errTooLarge.
func (c *client) push(ctx context.Context, body []byte, replay bool) error {
	if int64(len(body)) > c.limit.Load() {
		return fmt.Errorf("%w: %d bytes", errTooLarge, len(body))
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	template := c.send
	if replay {
		template = c.replay
	}
	var answer struct{ Status string }
	if err := exchange(c.pushes, withBody(ctx, template, body), maxAnswer, &answer); err != nil {
		return err
	}
	if answer.Status != "ok" && answer.Status != "buffered" {
		return fmt.Errorf("%w: the answer is none of the protocol's", gateway.ErrRefused) // a proxy's page, say
	}
	return nil
}

// capabilities asks whether the gateway is there, and what it can. Whatever it
// answers, it is there; but if it can list its streams it must take our secret.
// One that is not ready, or a proxy that answers for it, may not have said all
// yet. Errors: as push.
func (c *client) capabilities(ctx context.Context) (can capabilities, ready bool, err error) {
	var answer struct{ Capabilities []string }
	err = exchange(c.control, c.newRequest(http.MethodGet, "", "readyz").WithContext(ctx), maxAnswer, &answer)
	if errors.Is(err, gateway.ErrUnreachable) || errors.Is(err, errNotSent) {
		return can, false, err
	}
	ready = err == nil
	for _, name := range answer.Capabilities {
		switch name {
		case "broadcast":
			can.Broadcast = true
		case "event-id":
			can.EventID = true
		case "connections":
			can.Connections = true
		}
	}
	if can.Connections {
		_, _, err = c.streams(ctx, "", 1)
	}
	if errors.Is(err, gateway.ErrUnreachable) || errors.Is(err, errNotSent) || errors.Is(err, errSecret) {
		return can, ready, err
	}
	c.limit.Store(int64(can.maxBody()))
	return can, ready, nil
}

// listed is one of the gateway's streams.
type listed struct {
	Token connection.Token
	URL   string
}

// streams returns the open streams that follow the token after, at most limit,
// and where to go on, "" at the end. Errors: as push.
func (c *client) streams(ctx context.Context, after string, limit int) (streams []listed, next string, err error) {
	query := url.Values{"limit": {fmt.Sprint(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	var page struct {
		Connections []listed
		Next        string // null is ""
	}
	err = exchange(c.control, c.newRequest(http.MethodGet, query.Encode(), "internal", "connections").WithContext(ctx), maxPage, &page)
	return page.Connections, page.Next, err
}

func (c *client) close() {
	c.pushes.CloseIdleConnections()
	c.control.CloseIdleConnections()
}

func withBody(ctx context.Context, template *http.Request, body []byte) *http.Request {
	r := template.WithContext(ctx)
	r.ContentLength = int64(len(body))
	// Asked for again only if the gateway had closed a kept-alive connection
	// before anything was written to it.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return r
}

// exchange makes one request, and reads an answer of at most limit bytes into
// result. Errors: as client.push.
func exchange(t *http.Transport, r *http.Request, limit int64, result any) error {
	answer, err := t.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("%w: %w", gateway.ErrUnreachable, err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing to be done about it
	text, _ := io.ReadAll(io.LimitReader(answer.Body, limit))
	_ = json.Unmarshal(text, result) // what answered may not speak the protocol
	return meaning(answer.StatusCode, text)
}

// meaning says what an answer means for the event.
func meaning(status int, body []byte) error {
	var why struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	switch _ = json.Unmarshal(body, &why); { // what answered may not speak the protocol
	case status/100 == 2:
		return nil
	case status == http.StatusNotFound && why.Error.Code == "TOKEN_NOT_FOUND": // any other may be a proxy's
		return gateway.ErrUnknownToken
	case status == http.StatusRequestEntityTooLarge:
		return errTooLarge
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", errNotSent, errSecret)
	}
	return fmt.Errorf("%w: status %d, code %.40q", gateway.ErrRefused, status, why.Error.Code)
}
