package env_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/fx"

	"heliograph/application/connections"
	"heliograph/bootstrap"
)

// environment is one way to put the service together.
type environment struct {
	name    string
	environ map[string]string
}

// The ways to put the service together: either gateway with each broker.
var (
	embedded = environment{"embedded gateway, memory broker", map[string]string{"SSE_GATEWAY": "embedded"}}
	external = environment{"external gateway, memory broker", map[string]string{"SSE_GATEWAY": "http"}}

	embeddedDurable = environment{"embedded gateway, durable broker", map[string]string{"SSE_GATEWAY": "embedded", "DATA_DIR": ownFolder}}
	externalDurable = environment{"external gateway, durable broker", map[string]string{"SSE_GATEWAY": "http", "DATA_DIR": ownFolder}}

	embeddedCluster = environment{"embedded gateway, NATS cluster", map[string]string{"SSE_GATEWAY": "embedded", "NATS_URL": sharedServers}}
	externalCluster = environment{"external gateway, NATS cluster", map[string]string{"SSE_GATEWAY": "http", "NATS_URL": sharedServers}}
)

const (
	ownFolder     = "?" // a DATA_DIR of each service's own
	sharedServers = "?" // a NATS_URL of servers that are emptied for each service
)

// The environments by what they have in common.
var (
	withEmbedded = []environment{embedded, embeddedDurable, embeddedCluster}
	withExternal = []environment{external, externalDurable, externalCluster}
	oneNode      = []environment{embedded, external, embeddedDurable, externalDurable}
	withCluster  = []environment{embeddedCluster, externalCluster}
	lasting      = []environment{embeddedDurable, externalDurable, embeddedCluster, externalCluster}
)

// everywhere runs a test in each environment with AUTH=none.
func everywhere(t *testing.T, test func(t *testing.T, e environment)) {
	t.Helper()
	in(t, both(), test)
}

// in runs a test in some environments.
func in(t *testing.T, environments []environment, test func(t *testing.T, e environment)) {
	t.Helper()
	for _, e := range environments {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

// external reports whether the gateway is a program of its own.
func (e environment) external() bool { return e.environ["SSE_GATEWAY"] == "http" }

// config is the environment's, with some variables of the test's own.
func (e environment) config(t *testing.T, own map[string]string) bootstrap.Config {
	t.Helper()
	environ := map[string]string{
		"HTTP_ADDR": "127.0.0.1:0",
		// Without a version there are no events but the test's.
		"FRONTEND_VERSION_FILE": filepath.Join(t.TempDir(), "none.json"),
	}
	maps.Copy(environ, e.environ)
	maps.Copy(environ, own)
	if environ["DATA_DIR"] == ownFolder {
		environ["DATA_DIR"] = t.TempDir()
	}
	if environ["NATS_URL"] == sharedServers {
		environ["NATS_URL"] = emptyCluster(t)
	}
	if environ["DATA_DIR"]+environ["NATS_URL"] != "" {
		environ["SHUTDOWN_GRACE_PERIOD"] = "1s" // there is no gateway that could take what is left
	}
	cfg, err := bootstrap.Load(environ, bootstrap.Host{Name: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var silent = slog.New(slog.DiscardHandler)

// build wires the environment and puts ports of its graph into targets.
func (e environment) build(t *testing.T, own map[string]string, targets ...any) {
	t.Helper()
	wire(t, e.config(t, own), fx.Populate(targets...))
}

// wire wires the service. It starts it only with a durable broker, which this
// process has to follow, and then until t ends.
func wire(t *testing.T, cfg bootstrap.Config, more ...fx.Option) {
	t.Helper()
	var manager *connections.Manager
	app, err := bootstrap.New(t.Context(), cfg, silent, append(more, fx.Populate(&manager))...)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Broker.Durable() {
		start(t, app)
		return
	}
	t.Cleanup(func() { // what a connect has begun
		if err := manager.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// unstarted wires the service without starting it, so that it does nothing on its own
// with what the ports in targets hold.
func unstarted(t *testing.T, cfg bootstrap.Config, targets ...any) {
	t.Helper()
	app, err := bootstrap.New(t.Context(), cfg, silent, fx.Populate(targets...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
}

// start runs the service until t ends, or stop.
func start(t *testing.T, app *bootstrap.App) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	started := make(chan net.Addr, 1)
	var running sync.WaitGroup
	running.Go(func() {
		if err := app.Run(ctx, func(addr net.Addr) { started <- addr }); err != nil {
			t.Error(err)
			close(started)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	addr, ok := <-started
	if !ok {
		t.FailNow()
	}
	return "http://" + addr.String(), stop
}

func TestTheGraphIsComplete(t *testing.T) {
	everywhere(t, func(t *testing.T, e environment) {
		needsAll := fx.Invoke(func(http.Handler) {})
		if err := fx.ValidateApp(bootstrap.Graph(e.config(t, nil), silent), needsAll); err != nil {
			t.Error(err)
		}
	})
}
