// Package httpbackend implements gateway.Backend over HTTP: the callbacks of the
// gateway protocol ("Gateway → backend").
package httpbackend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

const (
	// DefaultTimeout is the protocol's time limit of a callback.
	DefaultTimeout = 5 * time.Second
	// maxConns bounds the connections to the backend. It is more than the relay has
	// callbacks under way (544), so that none spends its time limit on waiting for a
	// connection.
	maxConns = 1024
	// idleTimeout is how long an unused connection is kept: less than the 5 s after
	// which a Node.js server closes its end.
	idleTimeout = 4 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes; its body does not
	// matter. After a longer one the connection is not used again.
	maxAnswer = 4 << 10
)

// Config says where the backend is.
type Config struct {
	// URL gets the callbacks; "" is no backend. It may hold secrets.
	URL string
	// Timeout is for one callback, the wait for a free connection included; 0 is
	// DefaultTimeout.
	Timeout time.Duration
}

// Backend makes the callbacks, on connections that are kept alive. It is safe
// for concurrent use.
type Backend struct {
	url       *url.URL // nil if there is none
	timeout   time.Duration
	transport *http.Transport
	client    http.Client // over transport
}

var _ gateway.Backend = (*Backend)(nil)

// New returns a Backend. Errors: a URL that is none; its text is not repeated.
func New(cfg Config) (*Backend, error) {
	b := &Backend{
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout),
		transport: &http.Transport{
			MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, IdleConnTimeout: idleTimeout, DisableCompression: true,
		},
	}
	b.client = http.Client{Transport: b.transport, CheckRedirect: redirect}
	if cfg.URL == "" {
		return b, nil
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("the callback URL is not an http:// or https:// URL")
	}
	b.url = u
	return b, nil
}

// Close closes the connections that are kept alive.
func (b *Backend) Close() { b.transport.CloseIdleConnections() }

// callback is the body of a request.
type callback struct {
	Action  string            `json:"action"`
	Token   connection.Token  `json:"token"`
	Reason  connection.Reason `json:"reason,omitempty"`
	Request request           `json:"request"`
}

type request struct {
	URL     string          `json:"url"`
	Headers json.RawMessage `json:"headers"`
}

// Connect implements gateway.Backend.
func (b *Backend) Connect(ctx context.Context, token connection.Token, r gateway.Request) (gateway.Acceptance, error) {
	return b.call(ctx, callback{Action: "connect", Token: token, Request: request{r.Target, r.Headers}})
}

// Disconnect implements gateway.Backend.
func (b *Backend) Disconnect(ctx context.Context, token connection.Token, r gateway.Request, reason connection.Reason) error {
	_, err := b.call(ctx, callback{Action: "disconnect", Token: token, Reason: reason, Request: request{r.Target, r.Headers}})
	return err
}

func (b *Backend) call(ctx context.Context, c callback) (accepted gateway.Acceptance, err error) {
	if b.url == nil {
		return accepted, gateway.ErrNotConfigured
	}
	body, err := event.Marshal(c)
	if err != nil {
		return accepted, fmt.Errorf("encode callback: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	status, header, err := b.post(limited, body)
	switch {
	case err == nil && status/100 == 2 && header.Get(gateway.ComeBackHeader) != "":
		return accepted, gateway.ErrComeBack
	case err == nil && status/100 == 2:
		return gateway.Acceptance{OwnOnly: header.Get(gateway.OwnOnlyHeader) != ""}, nil
	case err == nil:
		return accepted, &gateway.RejectedError{Status: status}
	case ctx.Err() != nil:
		return accepted, ctx.Err()
	case limited.Err() != nil:
		return accepted, gateway.ErrBackendTimeout
	default:
		return accepted, fmt.Errorf("%w: %w", gateway.ErrBackendUnreachable, err)
	}
}

// maxRedirects is how often a callback is sent on.
const maxRedirects = 5

// redirect has a callback sent on by 307 and 308, which keep method and body; any
// other redirect, or one too many, is the answer.
func redirect(next *http.Request, before []*http.Request) error {
	status := next.Response.StatusCode
	if len(before) > maxRedirects || status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		return http.ErrUseLastResponse
	}
	next.Header.Del("Referer") // it would hold the secret of the URL before
	return nil
}

// post returns the status and the headers of the answer.
func (b *Backend) post(ctx context.Context, body []byte) (status int, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "heliograph")
	if user := b.url.User; user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	answer, err := b.client.Do(r)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return 0, nil, wrapped.Err // without the URL, which may hold secrets
	}
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // nothing to be done about it
	// So that the connection can be used again; what it says does not matter.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	return answer.StatusCode, answer.Header, nil
}
