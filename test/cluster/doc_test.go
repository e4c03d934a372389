// Package cluster_test runs three nodes of the real binary and a NATS cluster of
// three servers, each a process, and breaks them: it kills, pauses and restarts
// processes and cuts the wires between them, while browsers listen and tasks run.
// In the end what every client got is checked (package check).
//
// What breaks when is drawn from a seed, which is printed. The same seed makes the
// same plan, though not the same moments; 0 is a new one each time:
//
//	go test -race ./test/cluster -run Faults -faults 10m -seed 0 -timeout 20m -artifacts
//
// With -artifacts the logs of all processes are kept, and a journal of what was done
// and what the clients saw.
//
// Faults that are too rare or too much for that have tests of their own: a node that
// comes back after its lease, no majority of NATS, a log or a bucket that is deleted,
// a node that the log has left behind, a loss of power.
//
// A slow disk is a process that stands still most of the time. To slow the disk
// itself takes a file system or a device of one's own, and so privileges that a test
// does not have; and a NATS server whose writes wait stands still for the others, too:
// it writes before it answers.
package cluster_test
