package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
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
	// A request_id of its own: with the task's ID, two followers of one task would
	// replace each other's streams (rule C3).
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.client.base+paths.Stream+"?request_id=follow-"+uuid.NewString(), http.NoBody)
	if err != nil {
		return err
	}
	f.client.authenticate(req)
	client := sse.Client{
		HTTPClient:        &http.Client{Transport: idleTransport{f.client.transport}},
		ResponseValidator: validate, Backoff: retries,
	}
	conn := client.NewConnection(req)
	conn.Buffer(nil, maxEvent)
	conn.SubscribeToAll(func(ev sse.Event) {
		if ctx.Err() != nil {
			return // Follow has ended, but go-sse still delivers what it has read
		}
		if err := f.event(ctx, ev.Type, ev.Data); err != nil {
			end(err)
		}
	})
	err = conn.Connect()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errNoStream):
		return errNoStream
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func validate(resp *http.Response) error {
	if err := sse.DefaultValidator(resp); err != nil {
		return fmt.Errorf("%w: %w", errNoStream, err)
	}
	return nil
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
