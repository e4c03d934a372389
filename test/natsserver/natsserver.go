// Package natsserver runs NATS servers with JetStream for tests, on free ports of
// this machine, that can go away and come back.
package natsserver

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"heliograph/test/freeport"
)

// waitLimit is for a server to start, or a cluster to agree.
const waitLimit = 30 * time.Second

// Leaks are goroutines that a server may leave behind although it has ended: it
// does not wait for a stream that it was just making.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	}
}

// Server is one server. Its methods are not safe for concurrent use.
type Server struct {
	options *server.Options
	running *server.Server
}

// Start runs a server until t ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{options: options(t, "n1")}
	s.Back(t)
	return s
}

func options(t testing.TB, name string) *server.Options {
	return &server.Options{
		ServerName: name, Host: "127.0.0.1", Port: freeport.Port(t), NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(),
	}
}

// URL is where the server listens.
func (s *Server) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.options.Port) }

// Password has the server, the next time that it starts, ask its clients for a user
// named "node" with that password; "" asks for nothing.
func (s *Server) Password(password string) {
	s.options.Username, s.options.Password = "node", password
	if password == "" {
		s.options.Username = ""
	}
}

// Permissions has the server, the next time that it starts, let a user named "node"
// with that password publish and subscribe to these subjects only.
func (s *Server) Permissions(password string, publish, subscribe []string) {
	s.options.Users = []*server.User{{Username: "node", Password: password, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
	}}}
}

// MaxStore has the server, the next time that it starts, store no more than that.
func (s *Server) MaxStore(bytes int64) { s.options.JetStreamMaxStore = bytes }

// Away stops the server; its files stay.
func (s *Server) Away() {
	s.running.Shutdown()
	s.running.WaitForShutdown()
}

// Back starts it, again if it was away.
func (s *Server) Back(t testing.TB) {
	t.Helper()
	s.start(t)
	if !s.running.ReadyForConnections(waitLimit) {
		t.Fatal("the NATS server is not ready")
	}
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	running, err := server.NewServer(s.options.Clone())
	if err != nil {
		t.Fatal(err)
	}
	s.running = running
	go running.Start()
	t.Cleanup(func() { // Shutdown does nothing the second time
		running.Shutdown()
		running.WaitForShutdown()
	})
}

// Cluster runs three servers until t ends, and returns them once they have a
// leader.
func Cluster(t testing.TB) []*Server {
	t.Helper()
	servers := make([]*Server, 3)
	routes := make([]*url.URL, len(servers))
	for i := range servers {
		o := options(t, fmt.Sprintf("n%d", i+1))
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: freeport.Port(t)}
		routes[i] = &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", o.Cluster.Port)}
		servers[i] = &Server{options: o}
	}
	for _, s := range servers {
		s.options.Routes = routes
		s.start(t)
	}
	awaitLeader(t, servers)
	return servers
}

func awaitLeader(t testing.TB, servers []*Server) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); <-tick.C {
		for _, s := range servers {
			if s.running.JetStreamIsLeader() && len(s.running.JetStreamClusterPeers()) == len(servers) {
				return
			}
		}
	}
	t.Fatal("the NATS cluster has no leader")
}

// URLs is what a client of the whole cluster connects to.
func URLs(servers []*Server) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = s.URL()
	}
	return strings.Join(urls, ",")
}
