package canary_test

import (
	"os"
	"path/filepath"
	"testing"

	"heliograph/test/freeport"
	"heliograph/test/logs"
	"heliograph/test/natsserver"
)

// house is a deployment: nodes of the service, and where browsers have their streams.
type house struct {
	program string
	nodes   []*node
	// streams are the addresses of streams: those of the nodes, or of gateways.
	streams []string
	log     *logs.Logs // of all processes
	env     []string
}

// node is one service.
type node struct {
	address string
	env     []string
	process *process
}

// newHouse returns a house without nodes.
func newHouse(t *testing.T, program string) *house {
	t.Helper()
	tasks := filepath.Join(t.TempDir(), "tasks.yaml")
	const types = "tasks:\n  work:\n    params:\n      message: {type: string}\n    worker: {lease: 5s, attempts: 5}\n"
	if err := os.WriteFile(tasks, []byte(types), 0o600); err != nil {
		t.Fatal(err)
	}
	return &house{program: program, log: &logs.Logs{}, env: []string{
		"APP_ENV=development", "AUTH=required", "AUTH_JWT_KEY=" + secret, "TASKS_FILE=" + tasks, "TASK_MAX_WORKERS=32",
		"TASK_QUEUE_SIZE=4096", "SHUTDOWN_GRACE_PERIOD=10s", "TASK_PROGRESS_RATE=0",
	}}
}

// addNode starts a service with more variables.
func (h *house) addNode(t *testing.T, env ...string) *node {
	t.Helper()
	n := &node{address: freeport.Addr(t)}
	n.env = append(append(h.env, "HTTP_ADDR="+n.address), env...)
	n.process = start(t, h.log, h.program, "serve", n.env...)
	h.nodes = append(h.nodes, n)
	return n
}

// restart kills a node and starts it again.
func (h *house) restart(t *testing.T, n *node) {
	t.Helper()
	n.process.kill()
	n.process = start(t, h.log, h.program, "serve", n.env...)
	awaitReady(t, n.address)
}

// ready waits until all nodes are, and has the browsers stream from them unless there are
// gateways.
func (h *house) ready(t *testing.T) *house {
	t.Helper()
	for _, n := range h.nodes {
		awaitReady(t, n.address)
	}
	if len(h.streams) == 0 {
		for _, n := range h.nodes {
			h.streams = append(h.streams, n.address)
		}
	}
	return h
}

func inMemory(t *testing.T, program string) *house {
	t.Helper()
	h := newHouse(t, program)
	h.addNode(t)
	return h.ready(t)
}

func onDisk(t *testing.T, program string) *house {
	t.Helper()
	h := newHouse(t, program)
	h.addNode(t, "DATA_DIR="+t.TempDir())
	return h.ready(t)
}

func inACluster(t *testing.T, program string) *house {
	t.Helper()
	h, nats := newHouse(t, program), natsserver.Start(t)
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		h.addNode(t, "NATS_URL="+nats.URL(), "NODE_NAME="+name, "NODE_LEASE=3s")
	}
	return h.ready(t)
}

// behindGateways has two gateways in front of one service each, which share a cluster.
func behindGateways(t *testing.T, program string) *house {
	t.Helper()
	h, nats := newHouse(t, program), natsserver.Start(t)
	for _, name := range []string{"node-1", "node-2"} {
		gateway := freeport.Addr(t)
		n := h.addNode(t, "NATS_URL="+nats.URL(), "NODE_NAME="+name, "NODE_LEASE=3s", "SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://"+gateway)
		_, port, _ := cutPort(gateway)
		start(t, h.log, h.program, "gateway", "PORT="+port, "CALLBACK_URL=http://"+n.address+"/api/sse/callback")
		awaitReady(t, gateway)
		h.streams = append(h.streams, gateway)
	}
	return h.ready(t)
}

func cutPort(address string) (host, port string, found bool) {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			return address[:i], address[i+1:], true
		}
	}
	return address, "", false
}
