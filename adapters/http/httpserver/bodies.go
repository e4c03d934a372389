package httpserver

import (
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy is what a handler gets that reads a request's body while too much of
// others is under way. A later attempt may succeed.
var ErrBusy = errors.New("too many request bodies are under way")

const (
	// smallBody is how much of each body counts as small, in bytes: more than most
	// requests have.
	smallBody = 16 << 10
	// smallBodies and largeBodies bound what is under way of all bodies, in bytes:
	// their first smallBody bytes, and the rest. They are apart so that a few large
	// bodies, which come slowly, keep no ordinary request out.
	smallBodies = 64 << 20
	largeBodies = 64 << 20
)

// bodyBudget bounds the memory of request bodies that are being received or
// handled.
type bodyBudget struct{ small, large *semaphore.Weighted }

func newBodyBudget() bodyBudget {
	return bodyBudget{small: semaphore.NewWeighted(smallBodies), large: semaphore.NewWeighted(largeBodies)}
}

// limit has bodies count until the handler returns or closes them, and bounds the
// time that each takes to come. http.Server's own ReadTimeout would end streams as
// well.
func (b bodyBudget) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		// An error means that the connection cannot be timed; then it is not.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		body := &meteredBody{ReadCloser: r.Body, budget: b}
		defer body.release()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// meteredBody takes what is read of a body from the budget. It belongs to the
// goroutine of its request.
type meteredBody struct {
	io.ReadCloser

	budget       bodyBudget
	small, large int64 // taken
}

// Read implements io.Reader. Errors: ErrBusy.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if !b.take(int64(n)) {
		return 0, ErrBusy
	}
	return n, err
}

func (b *meteredBody) take(n int64) bool {
	small := min(n, smallBody-b.small)
	if !b.budget.small.TryAcquire(small) {
		return false
	}
	b.small += small
	if !b.budget.large.TryAcquire(n - small) {
		return false
	}
	b.large += n - small
	return true
}

// Close implements io.Closer. The body's memory counts no longer.
func (b *meteredBody) Close() error {
	b.release()
	return b.ReadCloser.Close()
}

func (b *meteredBody) release() {
	b.budget.small.Release(b.small)
	b.budget.large.Release(b.large)
	b.small, b.large = 0, 0
}
