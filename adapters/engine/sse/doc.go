// Package sse is the engine of the embedded gateway: a stream is an offset in
// one log.
//
// An event is encoded once, into the wire bytes of a bounded log that all
// streams share. A stream is a position in that log and, now and then, a
// few private events; it has no queue of its own. Replay after a reconnect,
// live delivery and slow consumers are the same thing: reading on from a position.
// The design and its reasons: docs/engine.md.
//
// # Concurrency properties
//
// Engine.mu orders everything that gives an event its position: appending to the
// log, attaching a stream, queueing a private event. It is held for
// microseconds and never during I/O. Reading the log takes no lock. Each
// stream has a mutex of its own for its private events, and is written by one
// goroutine only: that of the shard which adopted it, or the one that called
// Stream.Serve. The mutex of latencies guards its entries, that of the
// handoffs their lists, that of the shards only their start; a shard's own is in package transport. Locked stands for Engine.mu being held:
// its methods, and those of the types that say so, need that.
//
// Lock order: Engine.mu, Stream.mu, that of a shard's inbox; latencies.mu is taken last.
package sse
