// Package audience holds what the engine knows of audiences: which streams are in one,
// and the events that were for some streams only.
//
// Events that are for everyone are in package log, as bytes that all streams share. What
// is here costs what its recipients cost: an Index finds them by the keys of an
// audience (access.Key), and a Log keeps the events by the same keys, so that a stream
// that comes back is given its own without looking at those of others.
//
// Concurrency properties: none of it may be used by two goroutines at a time; the engine
// holds its mutex meanwhile. Nothing blocks.
package audience
