// Package transport writes streams to sockets that were taken over from net/http: the
// shards, each with a share of the streams, and the few system calls that they need.
//
// Concurrency properties: one goroutine of a Shard writes all its streams and owns what
// is not said to be guarded; another waits for the sockets' readiness. The only mutex is
// that of a shard's inbox, and is taken last: List and Nudge may be called under any other
// lock, by any goroutine.
package transport
