// Package urlversion implements version.Source by asking a URL.
package urlversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"heliograph/domain/version"
)

const (
	// timeLimit is for all of one look-up, down to the last byte (rule V5).
	timeLimit = 2 * time.Second
	// maxBytes bounds what is read of an answer: far more than an event may hold
	// (64 KiB unless configured otherwise).
	maxBytes = 1 << 20
)

var errNoURL = errors.New("want an absolute http or https URL")

// Source asks the URL whenever it is asked, over a connection that is kept
// alive. It follows no redirect: it asks only the address that the operator configured.
type Source struct {
	url    string
	client *http.Client
}

var _ version.Source = (*Source)(nil)

// New returns a Source of an absolute http or https URL, with user and password
// in it if need be. Anything else is an error, whose text does not repeat it.
// Proxies come from the environment, as is usual.
func New(rawURL string) (*Source, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errNoURL
	}
	client := &http.Client{
		Timeout:       timeLimit,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Source{url: rawURL, client: client}, nil
}

// Close closes the connection that is kept alive. A later look-up makes a new one.
func (s *Source) Close() { s.client.CloseIdleConnections() }

// Current implements version.Source.
func (s *Source) Current(ctx context.Context, _ time.Duration) (version.Answer, error) {
	at := time.Now()
	payload, err := s.get(ctx)
	if ctx.Err() != nil {
		return version.Answer{}, ctx.Err()
	}
	if err != nil {
		return version.Answer{}, &version.SourceError{Reason: reasonFor(err), Cause: err}
	}
	v, err := version.Parse(payload)
	if err != nil {
		return version.Answer{}, &version.SourceError{Reason: "its answer: " + err.Error()}
	}
	return version.Answer{Version: v, At: at}, nil
}

// statusError is an answer that is not 2xx.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("it answered %d", int(e)) }

// reasonFor says what went wrong in words that are fit for clients: most errors name
// addresses.
func reasonFor(err error) string {
	if status, ok := errors.AsType[statusError](err); ok {
		return status.Error()
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Sprintf("its answer has more than %d bytes", maxBytes)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Sprintf("it did not answer within %s", timeLimit)
	}
	return "it cannot be reached"
}

func (s *Source) get(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode/100 != 2 {
		return nil, statusError(resp.StatusCode)
	}
	return io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxBytes))
}

// withoutURL drops the URL from an error of http.Client: its query may hold a
// secret, and the text goes to logs and callers.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
