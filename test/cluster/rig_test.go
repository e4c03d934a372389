package cluster_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"heliograph/test/cluster/link"
	"heliograph/test/freeport"
	"heliograph/test/programs"
)

// size is how many nodes there are, and how many NATS servers.
const size = 3

// rig is a cluster with all of its wires.
type rig struct {
	servers, nodes [size]*process
	urls           [size]string           // of the nodes
	toServer       [size][size]*link.Link // from a node to a server
	routes         [size][size]*link.Link // from a server to another; nil to itself
	client         *http.Client
	journal        journal
	gateway        string     // its URL for browsers, if there is an external one
	reachable      func() int // how many nodes that gateway reaches
}

// options is what a rig is made with.
type options struct {
	env     []string // of the nodes
	sync    bool     // the servers wait for their disks
	many    bool     // the nodes hold too many streams to look for races
	gateway bool     // one external gateway for all nodes
}

// newRig starts everything and waits until all nodes are ready.
func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}, journal: newJournal(t)}
	t.Cleanup(r.client.CloseIdleConnections)
	for i := range r.urls {
		r.urls[i] = "http://" + freeport.Addr(t)
	}
	heliograph := programs.Raced(t, programs.Heliograph)
	if o.many {
		heliograph = programs.Plain(t, programs.Heliograph)
	}
	r.startServers(t, programs.Plain(t, "heliograph/test/cluster/natsd"), o.sync)
	if o.gateway {
		o.env = append(o.env, r.startGateway(t, heliograph)...)
	}
	for i := range r.nodes {
		r.startNode(t, heliograph, i, o.env)
	}
	eventually(t, "all nodes are ready", r.ready)
	if t.Failed() {
		t.FailNow()
	}
	return r
}

func (r *rig) startServers(t *testing.T, natsd string, sync bool) {
	t.Helper()
	var clients, peers [size]string
	for i := range size {
		clients[i], peers[i] = freeport.Addr(t), freeport.Addr(t)
	}
	for i := range size {
		for j := range size {
			r.toServer[i][j] = wire(t, clients[j])
			if i != j {
				r.routes[i][j] = wire(t, peers[j])
			}
		}
	}
	for i := range r.servers {
		name := fmt.Sprintf("n%d", i+1)
		r.servers[i] = launch(t, program{name: name, argv: []string{
			natsd, "-name", name, "-dir", t.TempDir(), "-sync=" + strconv.FormatBool(sync),
			"-port", port(clients[i]), "-cluster-port", port(peers[i]), "-routes", natsURLs(r.routes[i]),
		}})
	}
}

func (r *rig) startNode(t *testing.T, heliograph string, i int, env []string) {
	t.Helper()
	addr, name := strings.TrimPrefix(r.urls[i], "http://"), fmt.Sprintf("h%d", i+1)
	r.nodes[i] = launch(t, program{name: name, argv: []string{heliograph, "serve"}, tail: 15, env: append([]string{
		"HTTP_ADDR=" + addr, "NODE_NAME=" + name, "NATS_URL=" + natsURLs(r.toServer[i]),
		"FRONTEND_VERSION_FILE=/does/not/exist.json", "LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0",
	}, env...)})
}

// wire is a link that lives until the test's end.
func wire(t *testing.T, target string) *link.Link {
	t.Helper()
	l, err := link.New(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// natsURLs is how to reach what is at the end of the links.
func natsURLs(links [size]*link.Link) string {
	var urls []string
	for _, l := range links {
		if l != nil {
			urls = append(urls, "nats://"+l.Addr())
		}
	}
	return strings.Join(urls, ",")
}

// ready says which nodes are not.
func (r *rig) ready() (missing error) {
	for i, url := range r.urls {
		resp, err := r.client.Get(url + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				continue
			}
			err = fmt.Errorf("%s", resp.Status)
		}
		missing = errors.Join(missing, fmt.Errorf("%s: %w", r.nodes[i].name, err))
	}
	return missing
}
