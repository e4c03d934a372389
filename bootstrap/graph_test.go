package bootstrap_test

import (
	"maps"
	"strings"
	"testing"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/version"
)

// missing is a type without a constructor.
type missing struct{}

// wired needs one.
type wired struct{}

func newWired(version.Service, missing) wired { return wired{} }

func TestAMistakeInTheGraphSaysWhichConstructorMissesWhat(t *testing.T) {
	for name, environ := range environments {
		t.Run(name, func(t *testing.T) {
			if environ["DATA_DIR"] != "" {
				environ = durable(t)
			}
			all := map[string]string{"HTTP_ADDR": "127.0.0.1:0"}
			maps.Copy(all, environ)
			_, err := bootstrap.New(t.Context(), load(t, all), silent, fx.Provide(newWired), fx.Invoke(func(wired) {}))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{"newWired", "missing type", "bootstrap_test.missing"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

func TestAConstructorsOwnErrorIsShownAlone(t *testing.T) {
	environ := durable(t)
	environ["HTTP_ADDR"], environ["DATA_DIR"] = "127.0.0.1:0", "/dev/null/folder"
	_, err := bootstrap.New(t.Context(), load(t, environ), silent)
	if err == nil || !strings.HasPrefix(err.Error(), "DATA_DIR: ") || strings.Contains(err.Error(), "could not build arguments") {
		t.Errorf("error %v", err)
	}
}

func TestTheGraphIsDrawnWithoutMakingAnything(t *testing.T) {
	cfg := load(t, map[string]string{"NATS_URL": "nats://s3cret@127.0.0.1:1", "SSE_GATEWAY": "http"}) // where no server is
	graph, err := bootstrap.DotGraph(cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"digraph", "tasks.Service", "natspublisher", "httpsender", "components"} {
		if !strings.Contains(graph, want) {
			t.Errorf("no %s in the graph", want)
		}
	}
	if strings.Contains(graph, "s3cret") {
		t.Error("it shows a secret")
	}
}
