package natsregistry

import "context"

// HoldChores keeps every chore waiting until release is called.
func (r *Registry) HoldChores() (release func()) {
	held := make(chan struct{})
	for range maxWorkers {
		r.chores.add(func(context.Context) { <-held })
	}
	return func() { close(held) }
}
