package httpserver

import (
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy is the error of reading a request's body when the bodies of other requests
// take all the memory that there is for bodies. A later attempt may succeed.
var ErrBusy = errors.New("too many request bodies are under way")

const (
	// smallBody is how much of each body is taken from the budget for small ones, in
	// bytes: more than most requests have.
	smallBody = 16 << 10
	// smallBodies bounds the first smallBody bytes of all bodies together, in bytes,
	// and largeBodies the rest of them. With one budget, a few large bodies that come
	// slowly would block ordinary requests.
	smallBodies = 64 << 20
	largeBodies = 64 << 20
)

// bodyBudget bounds the memory of request bodies that are being received or
// handled.
type bodyBudget struct{ small, large *semaphore.Weighted }

func newBodyBudget() bodyBudget {
	return bodyBudget{small: semaphore.NewWeighted(smallBodies), large: semaphore.NewWeighted(largeBodies)}
}

// limit takes bodies from the budget until the handler returns or closes them, and
// bounds the time that each may take to come. http.Server's ReadTimeout cannot do
// that: it would end streams as well.
func (b bodyBudget) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		// An error means that the connection has no deadlines, as in some tests.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		body := &meteredBody{ReadCloser: r.Body, budget: b}
		defer body.release()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// meteredBody is a request's body that takes from the budget what is read of it. It
// is owned by the goroutine of its request.
type meteredBody struct {
	io.ReadCloser

	budget       bodyBudget
	small, large int64 // bytes taken from the two budgets
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

// Close implements io.Closer. It gives back what was taken from the budget.
func (b *meteredBody) Close() error {
	b.release()
	return b.ReadCloser.Close()
}

func (b *meteredBody) release() {
	b.budget.small.Release(b.small)
	b.budget.large.Release(b.large)
	b.small, b.large = 0, 0
}
