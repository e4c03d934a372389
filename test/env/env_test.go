package env_test

import (
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"heliograph/bootstrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is one way to put the service together.
type environment struct {
	name    string
	environ map[string]string
}

var (
	embedded = environment{"embedded gateway, memory broker", map[string]string{"SSE_GATEWAY": "embedded"}}
	external = environment{"external gateway, memory broker", map[string]string{"SSE_GATEWAY": "http"}}
)

// everywhere runs a test in each environment.
func everywhere(t *testing.T, test func(t *testing.T, e environment)) {
	for _, e := range []environment{embedded, external} {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

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
	cfg, err := bootstrap.Load(environ, bootstrap.Host{Name: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var silent = slog.New(slog.DiscardHandler)

// build wires the environment, without starting it, and puts ports of its graph
// into targets.
func (e environment) build(t *testing.T, own map[string]string, targets ...any) {
	t.Helper()
	if _, err := bootstrap.New(e.config(t, own), silent, fx.Populate(targets...)); err != nil {
		t.Fatal(err)
	}
}

func TestTheGraphIsComplete(t *testing.T) {
	everywhere(t, func(t *testing.T, e environment) {
		needsAll := fx.Invoke(func(http.Handler) {})
		if err := fx.ValidateApp(bootstrap.Graph(e.config(t, nil), silent), needsAll); err != nil {
			t.Error(err)
		}
	})
}
