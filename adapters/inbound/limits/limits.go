// Package limits keeps one subject or one address from taking what is meant for all:
// decorators of connection.Manager and task.Service refuse what is too much, with an
// *access.LimitError. What others have is never ended for it.
package limits

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"heliograph/domain/access"
)

// Limits are bounds for each subject, or for each address. A zero is no bound.
type Limits struct {
	Connections int // open at the same time, on this node
	Connects    int // a second
	Starts      int // of tasks, a second
	Tasks       int // that have not ended, on all nodes; for subjects only
}

// Config holds the limits.
type Config struct {
	Subject, Address Limits
	// Refused is told each refusal, by which limit: the name of a bound after "subject_" or
	// "address_". nil is allowed.
	Refused func(limit string)
}

// Names are all limits as Config.Refused gets them.
func Names() []string {
	return []string{
		"subject_connections", "subject_connects", "subject_starts", "subject_tasks",
		"address_connections", "address_connects", "address_starts",
	}
}

// refuse counts a refusal, and returns it.
func (c Config) refuse(limit, what string, retryAfter time.Duration) error {
	if c.Refused != nil {
		c.Refused(limit)
	}
	return &access.LimitError{What: what, RetryAfter: retryAfter}
}

// maxBuckets bounds the subjects and addresses that are remembered for a rate. One that
// is forgotten begins with a full bucket: who has so many addresses is not bound by a
// limit for each.
const maxBuckets = 65536

// rates bounds how often each key does something. A nil rates has no bound. It is safe
// for concurrent use.
type rates struct {
	perSecond int
	buckets   *lru.Cache[string, *rate.Limiter]
}

func newRates(perSecond int) *rates {
	if perSecond <= 0 {
		return nil
	}
	buckets, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &rates{perSecond: perSecond, buckets: buckets}
}

// take reports whether the key may act now, and if not when it may. A burst of one
// second is allowed.
func (r *rates) take(key string) (wait time.Duration, ok bool) {
	if r == nil || key == "" {
		return 0, true
	}
	bucket, known := r.buckets.Get(key)
	if !known {
		bucket = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		if before, there, _ := r.buckets.PeekOrAdd(key, bucket); there {
			bucket = before
		}
	}
	reservation := bucket.Reserve()
	if wait = reservation.Delay(); wait > 0 {
		reservation.Cancel()
		return wait, false
	}
	return 0, true
}

// addressBits is how much of an IPv6 address counts: one customer mostly has a whole /64.
const addressBits = 64

// addressKey is what an IP address is counted under; "" for none.
func addressKey(text string) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	address = address.Unmap()
	if address.Is6() {
		prefix, err := address.WithZone("").Prefix(addressBits)
		if err != nil {
			return ""
		}
		return prefix.String()
	}
	return address.String()
}
