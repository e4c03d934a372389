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

// errNoStream: the service refuses the stream, for instance because it stands
// behind an external gateway, whose URL is not known here.
var errNoStream = errors.New("the service has no stream for us")

const (
	// silence is how long a stream may say nothing before it counts as broken:
	// several heartbeats. Where there are none it is opened anew then, which costs
	// nothing but a snapshot.
	silence = time.Minute
	// maxEvent bounds one event, in bytes; SSE_MAX_EVENT_BYTES is 64 KiB by default.
	maxEvent = 16 << 20
)

// retries are bounded by their number: go-sse counts elapsed time from the last
// time that it connected, so that a long stream would never be tried again.
// Together they take about as long as lostAfter.
var retries = sse.Backoff{InitialInterval: 250 * time.Millisecond, Multiplier: 1.5, MaxInterval: 5 * time.Second, MaxRetries: 14}

// readStream reads a stream of its own, and comes back to it where it was when it
// breaks, until the task has ended. Errors: errEnded, errNoStream, and Follow's.
func (f *follower) readStream(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// A name of its own: the task's ID would be one that another follower of the
	// same task takes away (rule C3).
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.client.base+paths.Stream+"?request_id=follow-"+uuid.NewString(), http.NoBody)
	if err != nil {
		return err
	}
	client := sse.Client{
		HTTPClient:        &http.Client{Transport: watchful{f.client.transport}},
		ResponseValidator: validate, Backoff: retries,
	}
	conn := client.NewConnection(req)
	conn.Buffer(nil, maxEvent)
	conn.SubscribeToAll(func(ev sse.Event) {
		if ctx.Err() != nil {
			return // it has ended; go-sse still hands over what it has read
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

// watchful is a transport whose answers break when nothing comes for silence: a
// connection can be dead without either side having noticed.
type watchful struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w watchful) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	timer := time.AfterFunc(silence, cancel)
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel()
		return nil, err
	}
	resp.Body = &watchedBody{resp.Body, timer, cancel}
	return resp, nil
}

type watchedBody struct {
	io.ReadCloser

	timer  *time.Timer
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(silence)
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}
