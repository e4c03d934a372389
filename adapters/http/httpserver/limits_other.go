//go:build !unix

package httpserver

// DescriptorLimits returns no limits: this system has none that matters.
func DescriptorLimits() Limits { return Limits{} }
