// Command natsd is one server of a NATS cluster with JetStream, for tests that
// need it as a process of its own. It knows the others, and is known to its
// clients, only by the addresses that it is given, so that a test can have a
// proxy on every way.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

// nowhere is the address that the server gives to others.
const nowhere = "127.0.0.1:1"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	o := &server.Options{Host: "127.0.0.1", JetStream: true, DisableJetStreamBanner: true}
	o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Advertise: nowhere, NoAdvertise: true}
	flag.StringVar(&o.ServerName, "name", "", "name of this server in the cluster")
	flag.StringVar(&o.StoreDir, "dir", "", "folder of its files")
	flag.IntVar(&o.Port, "port", 0, "port for clients")
	flag.IntVar(&o.Cluster.Port, "cluster-port", 0, "port for the other servers")
	flag.StringVar(&o.RoutesStr, "routes", "", "URLs of the other servers, with commas between them")
	flag.BoolVar(&o.SyncAlways, "sync", false, "have every write on disk before it is acknowledged")
	flag.Parse()
	o.Routes = server.RoutesFromStr(o.RoutesStr)
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start() // it ends at SIGTERM
	s.WaitForShutdown()
	return nil
}
