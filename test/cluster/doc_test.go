// Package cluster_test runs three nodes of the real binary and a NATS cluster of
// three servers, each a process, and breaks them: it kills, pauses and restarts
// processes and cuts the wires between them, while browsers listen and tasks run.
// In the end what everybody was told is judged (package check).
//
// What breaks when is drawn from a seed, which is printed. The same seed makes the
// same plan, though not the same moments:
//
//	go test -race ./test/cluster -run Faults -faults 10m -seed 7 -timeout 20m -artifacts
//
// With -artifacts the logs of all processes are kept.
package cluster_test
