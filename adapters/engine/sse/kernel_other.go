//go:build !linux

package sse

// newKernel says that there is none: every stream is served by a goroutine.
func newKernel(vanishing) (kernel, error) { return nil, ErrNotAdoptable }
