package httpsender

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sony/gobreaker/v2"

	"heliograph/domain/gateway"
)

// maxFailures is how many requests in a row a gateway that lives may leave unanswered: a
// single stream that hangs must not stop all others.
const maxFailures = 3

// breaker fails requests at once while the gateway does not answer.
type breaker = gobreaker.CircuitBreaker[struct{}]

// circuit makes requests through a circuit breaker. It is safe for concurrent use.
type circuit struct {
	opened func() // the breaker is open: nothing leaves until the probe has found the gateway
	wake   func() // has the probe look for the gateway

	breaker atomic.Pointer[breaker]
}

func newCircuit(opened, wake func()) *circuit {
	c := &circuit{opened: opened, wake: wake}
	c.reset()
	return c
}

// reset closes the circuit.
func (c *circuit) reset() {
	c.breaker.Store(gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      lookInterval / 2, // the probe is what makes it wait
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsSuccessful: func(err error) bool { return !errors.Is(err, gateway.ErrUnreachable) && !errors.Is(err, errSecret) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // our own doing
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				c.opened()
				c.wake()
			}
		},
	}))
}

// call calls request unless the circuit is open. Errors: those of request, errNotSent.
func (c *circuit) call(request func() error) error {
	_, err := c.breaker.Load().Execute(func() (struct{}, error) { return struct{}{}, request() })
	if isOpen(err) {
		c.opened() // an answer that crossed with the failures may have said otherwise
		return errors.Join(errNotSent, err)
	}
	if errors.Is(err, gateway.ErrUnreachable) {
		c.wake()
	}
	return err
}

// fails reports whether the last request got no answer.
func (c *circuit) fails() bool { return c.breaker.Load().Counts().ConsecutiveFailures > 0 }

// isOpen reports whether err says that a request was not made, since the circuit is
// open.
func isOpen(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}
