//go:build !linux

package transport

// set does nothing: the options differ between the other systems.
func (Vanishing) set(int) {}
