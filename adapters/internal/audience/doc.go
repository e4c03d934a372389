// Package audience holds what the stream engine, the registries and the sender to an
// external gateway know of audiences: which streams are in one, and the events that were
// for some streams only.
//
// It costs what the recipients of such an event cost: an Index finds them by the keys of
// an audience (access.Key), and a Log keeps the events by the same keys, so that a stream
// that comes back is given its own without looking at those of others.
//
// Concurrency properties: none of it may be used by two goroutines at a time; the callers
// hold a mutex meanwhile. Nothing blocks.
package audience
