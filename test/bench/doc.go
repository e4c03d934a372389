// Package bench measures heliograph against the limit of the machine and
// against its peers: connects a second, memory per connection, fan-out
// throughput, CPU per delivery, latency, replay and a reconnect storm. What the
// figures mean is written in docs/benchmarks/README.md; the runner writes its
// tables into pages beside that one. It needs Linux.
//
// Three kinds of processes take part: the runner, which is this package; the
// load generator (package load), which it talks to by net/rpc; and the server
// under test with all its children, which it starts anew for every measurement
// and looks at through /proc.
package bench
