//go:build linux

package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// ForCluster measures Cluster in less than eight minutes.
func ForCluster() Options {
	return Options{
		Sizes: []int{1, 1000, manyNodes, 10000}, Rounds: 3, Pipelined: time.Second, Paced: 3 * time.Second,
		Settle: 200 * time.Millisecond, WarmUp: 300, Cluster: true,
	}
}

// The parts of the cluster's page.
const (
	partBroadcast = "An event for everyone"
	partTasks     = "Tasks, each for itself"
	partNodes     = "More nodes"
)

// manyNodes is how many connections several nodes hold together.
const manyNodes = 6000

// brokerSettings is what the brokers' subjects have in common.
const brokerSettings = "SSE_HISTORY_BYTES=1MiB, LOG_LEVEL=warn"

// Cluster returns what shows the cost of each broker against memory, to an event
// for everyone and to tasks, and that of several nodes against one.
func Cluster(bin string) []Subject {
	brokers := []Subject{inMemory(bin), inFolder(bin), onNATS(bin, "NATS_URL, one server", 1, 1), onNATS(bin, "NATS_URL, three servers", 1, 3)}
	brokers[3].Settings = "three servers, each record on all of them; otherwise the same"
	var all []Subject
	for _, s := range brokers {
		s.Part, s.Sizes = partBroadcast, []int{1, 1000, 10000}
		all = append(all, s)
	}
	for _, s := range brokers {
		s.Name, s.Part, s.Sizes = s.Name+": a task", partTasks, []int{1}
		s.Settings, s.Publish = "as above; demo_task with 0 steps, which has three events; TASK_MAX_WORKERS=4", demoTask
		all = append(all, s)
	}
	for i, name := range []string{"one node", "two nodes", "three nodes"} {
		s := onNATS(bin, name, i+1, 1)
		s.Part, s.Sizes = partNodes, []int{manyNodes}
		s.Settings = "NATS_URL with one server; connections spread evenly, published at the first node"
		all = append(all, s)
	}
	return all
}

func inMemory(bin string) Subject {
	s := heliograph(bin)
	s.Name, s.Settings = "memory", "neither DATA_DIR nor NATS_URL; "+brokerSettings
	s.Resumes, s.Greets = false, false
	return s
}

func inFolder(bin string) Subject {
	s := inMemory(bin)
	command := s.Command
	s.Name, s.Settings, s.Ours = "DATA_DIR", "embedded JetStream, in files that are written to the disk each second; "+brokerSettings, false
	s.Command = func(p Place) (Command, error) {
		c, err := command(p)
		c.Env = append(c.Env, "DATA_DIR="+p.Dir+"/data")
		return c, err
	}
	return s
}

// onNATS is so many nodes on so many NATS servers, all processes of this machine.
func onNATS(bin, name string, nodes, servers int) Subject {
	s := inMemory(bin)
	s.Name, s.Ours = name, false
	s.Settings = "one server in a process of its own, with files that the kernel writes to the disk when it likes; " + brokerSettings
	s.Nodes, s.Spare = nodes, 2*servers
	s.Command = func(p Place) (Command, error) {
		script := natsServers(bin, p, servers) + heliographs(bin, p)
		return Command{
			Args: []string{"/bin/sh", "-c", script},
			Env:  []string{"NATS_URL=" + strings.Join(addresses(p.Spare[:servers]), ","), "SSE_HISTORY_BYTES=1MiB", "LOG_LEVEL=warn"},
		}, nil
	}
	return s
}

// natsServers starts NATS servers. A single one is no cluster, and has no port
// for others.
func natsServers(bin string, p Place, n int) string {
	var b strings.Builder
	clients, peers := p.Spare[:n], p.Spare[n:]
	for i := range n {
		fmt.Fprintf(&b, "%s/%s -name n%d -dir %s/n%d -port %d", bin, natsd, i, p.Dir, i, clients[i])
		if n > 1 {
			others := slices.Delete(addresses(peers), i, i+1)
			fmt.Fprintf(&b, " -cluster-port %d -routes %s", peers[i], strings.Join(others, ","))
		}
		b.WriteString(" & ")
	}
	return b.String()
}

// heliographs starts the nodes, the first of them as the process that is looked at.
func heliographs(bin string, p Place) string {
	var b strings.Builder
	for i, port := range p.More {
		fmt.Fprintf(&b, "NODE_NAME=h%d HTTP_ADDR=127.0.0.1:%d %s/heliograph serve & ", i+2, port, bin)
	}
	fmt.Fprintf(&b, "NODE_NAME=h1 HTTP_ADDR=127.0.0.1:%d exec %s/heliograph serve", p.Streams, bin)
	return b.String()
}

func addresses(ports []int) []string {
	all := make([]string, len(ports))
	for i, port := range ports {
		all[i] = fmt.Sprintf("nats://127.0.0.1:%d", port)
	}
	return all
}

// clusterColumns are of the cluster's tables, but for a single connection, where
// an event is a delivery.
var (
	clusterColumns = []column{
		{title: "connects/s", figure: ConnectsPerSecond, show: whole, plain: true, relative: true},
		{title: "deliveries/s flat out", figure: DeliveriesPerSecond, show: whole, plain: true, relative: true},
		{title: "CPU flat out", figure: PipelinedCPU, show: hundredths, plain: true, relative: true},
		{title: "NATS", figure: PipelinedStore, show: hundredths, plain: true},
		{title: "CPU paced", figure: PacedCPU, show: hundredths, plain: true, relative: true},
		{title: "NATS", figure: PacedStore, show: hundredths, plain: true},
		{title: "p50 paced", figure: PacedP50, show: millis, plain: true, relative: true},
		{title: "p99", figure: PacedP99, show: millis, plain: true, relative: true},
		{title: "lost", figure: Lost, show: whole, plain: true},
	}
	singleColumns = []column{
		{title: "a second, flat out", figure: DeliveriesPerSecond, show: whole, plain: true, relative: true},
		{title: "CPU µs each", figure: PipelinedCPU, show: whole, plain: true, relative: true},
		{title: "NATS", figure: PipelinedStore, show: whole, plain: true},
		{title: "p50 at 10 a second", figure: PacedP50, show: millis, plain: true, relative: true},
		{title: "p99", figure: PacedP99, show: millis, plain: true, relative: true},
		{title: "lost", figure: Lost, show: whole, plain: true},
	}
)

func hundredths(v float64) string { return fmt.Sprintf("%.2f", v) }

// cluster writes a table for each part and size.
func (r Results) cluster(b *strings.Builder) {
	for _, part := range []string{partBroadcast, partTasks, partNodes} {
		for _, size := range r.downwards() {
			rows := slices.DeleteFunc(r.rows(size), func(r row) bool { return r.outcome.Part != part })
			if len(rows) == 0 {
				continue
			}
			title, columns := humanize.Comma(int64(size))+" connections", clusterColumns
			if size == 1 {
				title, columns = "one connection", singleColumns
			}
			fmt.Fprintf(b, "## %s: %s\n\n", part, title)
			table(b, columns, rows)
		}
	}
}
