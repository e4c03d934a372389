// Package load is the benchmark's client side: thousands of event streams on
// one epoll, and the publisher that feeds the server under test. It runs in a
// process of its own, cmd loadgen, and needs Linux.
//
// Publisher and streams share a process, so that one clock stamps a message
// and reads the stamp, and so that "16 in flight" is known without a word
// between processes. Reading costs one system call per readiness and a scan for
// two bytes per message: on a machine that server and generator share, every
// microsecond here is one that the server does not get.
package load
