// Package sse is the engine of the embedded gateway: a stream is an offset in
// one log.
//
// An event is encoded once, into the wire bytes of a bounded log that all
// streams share. A stream is a place in that log (a position) and, now and then, a
// few private events; it has no queue of its own. Replay after a reconnect,
// live delivery and slow consumers are the same thing: reading on from a mark.
// The design and its reasons: docs/engine.md.
//
// # Concurrency
//
// Engine.mu orders everything that gives an event its place: appending to the
// log, attaching a stream, queueing a private event. It is held for
// microseconds and never during I/O. Reading the log takes no lock. Each
// stream has a mutex of its own for its private events, and is written by one
// goroutine only: that of the shard which adopted it, or the one that called
// Stream.Serve. A shard's mutex guards its inbox, the ledger's its entries.
//
// Lock order: Engine.mu, Stream.mu, shard.mu; ledger.mu is taken last.
package sse
