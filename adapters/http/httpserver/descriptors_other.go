//go:build !linux

package httpserver

// growDescriptors is for Linux.
func growDescriptors() {}
