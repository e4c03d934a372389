package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// message is the body of a callback.
type message struct {
	Action  string  `json:"action"`
	Token   string  `json:"token"`
	Reason  string  `json:"reason,omitempty"`
	Request request `json:"request"`
}

type request struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// describe returns the part of a client's request that the backend gets.
func describe(r *http.Request) request {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		switch name {
		case "Cookie":
			headers["cookie"] = strings.Join(values, "; ")
		case "Authorization", "Content-Type", "Referer", "User-Agent":
			headers[strings.ToLower(name)] = values[0]
		default:
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return request{URL: r.RequestURI, Headers: headers}
}

// refusal is why a client does not get its stream.
type refusal struct {
	status        int
	code, message string
}

// connect asks the backend for leave to open s. It goes on when the client has
// gone meanwhile: the backend has been asked.
func (g *Gateway) connect(url string, s *stream, r *http.Request) <-chan *refusal {
	outcome := make(chan *refusal, 1) // it may not be waited for any more
	body := message{Action: "connect", Token: s.token, Request: describe(r)}
	ctx := context.WithoutCancel(r.Context())
	g.busy.goes(func() {
		status, err := g.call(ctx, url, body)
		outcome <- judge(status, err)
	})
	return outcome
}

// disconnect tells the backend that s has ended.
func (g *Gateway) disconnect(s *stream, r *http.Request) {
	url := g.callbackURL()
	body := message{Action: "disconnect", Token: s.token, Reason: s.reason, Request: describe(r)}
	ctx := context.WithoutCancel(r.Context())
	g.busy.goes(func() { _, _ = g.call(ctx, url, body) }) // no retries, by the protocol
}

func judge(status int, err error) *refusal {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{http.StatusGatewayTimeout, "GATEWAY_TIMEOUT", "the backend did not answer in time"}
	case err != nil:
		return &refusal{http.StatusServiceUnavailable, "BACKEND_UNAVAILABLE", "the backend cannot be reached"}
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized:
		return &refusal{status, "BACKEND_AUTH_FAILED", "the backend refused the stream"}
	case status == http.StatusForbidden:
		return &refusal{status, "BACKEND_FORBIDDEN", "the backend refused the stream"}
	}
	return &refusal{status, "BACKEND_ERROR", "the backend refused the stream"}
}

// keepMethod follows the redirects that leave the request as it is. Any other is
// the answer.
func keepMethod(next *http.Request, _ []*http.Request) error {
	if s := next.Response.StatusCode; s == http.StatusTemporaryRedirect || s == http.StatusPermanentRedirect {
		return nil
	}
	return http.ErrUseLastResponse
}

// call makes one callback and records it. The backend's status is 0 with an
// error.
func (g *Gateway) call(ctx context.Context, url string, m message) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, CallbackTimeout)
	defer cancel()
	defer func() { g.recordCallback(m, status) }()
	body, err := json.Marshal(m)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: g.transport, CheckRedirect: keepMethod}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
