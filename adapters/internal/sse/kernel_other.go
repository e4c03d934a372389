//go:build !linux

package sse

import "time"

// newKernel says that there is none: every stream is served by a goroutine.
func newKernel(time.Duration) (kernel, error) { return nil, ErrNotAdoptable }
