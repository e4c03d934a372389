//go:build !linux

package transport

// NewKernel says that there is none: every stream is served by a goroutine.
func NewKernel(Vanishing) (Kernel, error) { return nil, ErrNotAdoptable }
