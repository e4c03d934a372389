// Package conformance holds programs against the wire protocol between SSE
// gateways and their backends, sentence by sentence.
//
// It is a black box: it talks to a running program over its sockets, so it can
// test programs that are not ours. Gateway tests a gateway and plays its
// backend; Backend tests a backend and plays its gateway; Program tests how a
// gateway is configured, and starts it. Every sub-test's name is a sentence of
// the protocol, in its order. docs/conformance.md says how to run them.
package conformance
