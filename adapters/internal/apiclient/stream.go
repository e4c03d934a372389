package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"

	"heliograph/adapters/http/paths"
)

// errNoStream: the service refuses the stream, for instance because it uses an
// external gateway, whose URL is not known here.
var errNoStream = errors.New("the service has no stream for us")

const (
	// idleTimeout is how long a stream may be silent before it counts as broken:
	// several heartbeats. Without heartbeats the stream is opened again each time,
	// which costs a snapshot.
	idleTimeout = time.Minute
	// maxEvent bounds one event, in bytes; SSE_MAX_EVENT_BYTES is 64 KiB by default.
	maxEvent = 16 << 20
	// maxRefusal bounds what is read of an answer that is no stream, in bytes.
	maxRefusal = 64 << 10
)

// retries are bounded by their number: go-sse counts elapsed time from the last
// time that it connected, so that a long stream would never be tried again.
// Together they take about as long as maxOutage.
var retries = sse.Backoff{InitialInterval: 250 * time.Millisecond, Multiplier: 1.5, MaxInterval: 5 * time.Second, MaxRetries: 14}

// readStream reads a stream of its own, and comes back to it where it was when it
// breaks, until the task has ended. Errors: errEnded, errNoStream, and Follow's.
func (f *follower) readStream(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	req, err := f.client.streamRequest(ctx, f.client.base+paths.Stream, "follow-")
	if err != nil {
		return err
	}
	client := sse.Client{
		HTTPClient:        &http.Client{Transport: idleTransport{f.client.transport}},
		ResponseValidator: validate, Backoff: retries,
	}
	err = connect(client.NewConnection(req), func(ev StreamEvent) {
		if ctx.Err() != nil {
			return // Follow has ended, but go-sse still delivers what it has read
		}
		if err := f.event(ctx, ev.Name, ev.Data); err != nil {
			end(err)
		}
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errNoStream):
		return errNoStream
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// StreamEvent is an event of a stream, in either format of events.
type StreamEvent struct {
	ID   string // the place in the log, to go on from; "" before the first
	Name string
	Data string // mostly JSON
}

// connect reads a stream to its end.
func connect(conn *sse.Connection, handle func(StreamEvent)) error {
	conn.Buffer(nil, maxEvent)
	conn.SubscribeToAll(func(ev sse.Event) {
		if ev.Type != "" {
			handle(StreamEvent{ev.LastEventID, ev.Type, ev.Data})
			return
		}
		envelope, ok := decode[struct {
			Type    string          `json:"type"`
			Payload json.RawMessage `json:"payload"`
		}](ev.Data)
		if ok && envelope.Type != "" {
			handle(StreamEvent{ev.LastEventID, envelope.Type, string(envelope.Payload)})
		}
	})
	return conn.Connect()
}

func validate(resp *http.Response) error {
	if err := sse.DefaultValidator(resp); err != nil {
		return fmt.Errorf("%w: %w", errNoStream, err)
	}
	return nil
}

// Watch says what to read of a stream, and whom to tell. Its functions are called from one
// goroutine, which reads on when they return.
type Watch struct {
	// URL is the stream's where it is not the service's own, as behind an external gateway; "" is that.
	URL string
	// From is the ID of the event after which to begin; "" begins with what is new.
	From string
	// Event gets each event.
	Event func(StreamEvent)
	// Opened is called whenever the stream is open.
	Opened func()
	// Broken is called when it is not, and will be opened again in a while.
	Broken func(err error, again time.Duration)
}

// Watch reads a stream until ctx ends, and goes on where it was when it breaks, however long the
// service is away. Errors: *Error when the service refuses the stream, ErrUnreachable when
// the stream could never be opened, ctx's.
func (c *Client) Watch(ctx context.Context, w Watch) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	url := w.URL
	if url == "" {
		url = c.base + paths.Stream
	}
	req, err := c.streamRequest(ctx, url, "watch-")
	if err != nil {
		return err
	}
	if w.From != "" {
		req.Header.Set("Last-Event-ID", w.From)
	}
	opened := false
	client := sse.Client{
		HTTPClient: &http.Client{Transport: statusTransport{idleTransport{c.transport}}},
		Backoff:    sse.Backoff{InitialInterval: retries.InitialInterval, Multiplier: retries.Multiplier, MaxInterval: retries.MaxInterval},
		ResponseValidator: func(resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return refusal(resp)
			}
			if err := sse.DefaultValidator(resp); err != nil {
				return fmt.Errorf("%w: %w", ErrUnreachable, err)
			}
			opened = true
			w.Opened()
			return nil
		},
		OnRetry: func(err error, again time.Duration) {
			if failed, ok := errors.AsType[*sse.ConnectionError](err); ok {
				err = failed.Err // the rest is go-sse's, and the request
			}
			if !opened {
				end(fmt.Errorf("%w: %w", ErrUnreachable, err))
			} else if ctx.Err() == nil {
				w.Broken(err, again)
			}
		},
	}
	err = connect(client.NewConnection(req), func(ev StreamEvent) {
		if ctx.Err() == nil {
			w.Event(ev)
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*sse.ConnectionError](err); ok {
		err = failed.Err
	}
	return err
}

// statusTransport is a transport that fails where a service is away for a while: go-sse
// takes any other answer for the last word.
type statusTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t statusTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusTooManyRequests {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, refusal(resp)
}

// refusal makes an Error of an answer that is no stream.
func refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // what there is of it
	return errorOf(resp.StatusCode, text)
}

// idleTransport is a transport whose responses fail when nothing comes for
// idleTimeout: a connection can be dead without having been closed.
type idleTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w idleTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	timer := time.AfterFunc(idleTimeout, cancel)
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel()
		return nil, err
	}
	resp.Body = &idleBody{resp.Body, timer, cancel}
	return resp, nil
}

type idleBody struct {
	io.ReadCloser

	timer  *time.Timer
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(idleTimeout)
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *idleBody) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}
