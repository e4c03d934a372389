//go:build !linux

package bootstrap

// growDescriptors is for Linux.
func growDescriptors() {}
