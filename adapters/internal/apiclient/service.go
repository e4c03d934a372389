package apiclient

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

	"github.com/google/uuid"
)

// answerTimeout bounds every request but the stream's: a service answers
// them from memory or a broker, so one that needs longer is in trouble.
const answerTimeout = 10 * time.Second

// maxAnswer bounds what is read of an answer, in bytes: a task's result can be
// large, but no service of ours keeps one of this size.
const maxAnswer = 256 << 20

// service makes requests of one service, with a credential. It is safe for concurrent use.
type service struct {
	base      string // without a slash at its end
	token     string
	transport http.RoundTripper
}

// authenticate adds the credential to a request of this service. net/http leaves it out
// when another host answers with a redirect to itself.
func (s *service) authenticate(req *http.Request) {
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
}

// ask makes one request and decodes the answer into v.
func (s *service) ask(ctx context.Context, method, path string, header http.Header, body []byte, v any) error {
	a, err := s.send(ctx, answerTimeout, method, path, header, body)
	if err != nil {
		return err
	}
	return read(a.status, a.body, v)
}

// answer is what the service has answered, whatever that is.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. Errors: ErrUnreachable.
func (s *service) send(ctx context.Context, timeout time.Duration, method, path string, header http.Header, body []byte) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Content-Type", "application/json")
	s.authenticate(req)
	resp, err := (&http.Client{Transport: s.transport}).Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the URL may hold a token
		}
		return a, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return answer{resp.StatusCode, resp.Header, text}, nil
}

// read decodes an answer, which may be an error.
func read(status int, text []byte, v any) error {
	if status >= http.StatusMultipleChoices {
		return errorOf(status, text)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: it answered %d with %.80q", ErrUnreachable, status, text)
	}
	return nil
}

// errorOf makes an Error of an error answer, which may be a proxy's.
func errorOf(status int, text []byte) error {
	var body struct{ Error Error }
	if err := json.Unmarshal(text, &body); err != nil || body.Error.Code == "" {
		return &Error{Status: status, Message: fmt.Sprintf("the service answered %d %s", status, http.StatusText(status))}
	}
	body.Error.Status = status
	return &body.Error
}

// streamRequest asks for a stream with a request_id of its own, which begins with prefix: with
// the ID of a task, two followers of one task would replace each other's streams (rule C3).
func (s *service) streamRequest(ctx context.Context, stream, prefix string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, stream+"?request_id="+prefix+uuid.NewString(), http.NoBody)
	if err != nil {
		return nil, errNoURL
	}
	s.authenticate(req)
	return req, nil
}
