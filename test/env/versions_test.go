package env_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/version"
	"heliograph/test/contract/versionboardcontract"
	"heliograph/test/contract/versionpendingcontract"
	"heliograph/test/contract/versionservicecontract"
	"heliograph/test/contract/versionsourcecontract"
)

func TestPendingVersions(t *testing.T) {
	runSuite(t, "versionpendingcontract", func(t *testing.T, e environment) {
		versionpendingcontract.Run(t, func(t *testing.T) (s versionpendingcontract.Subject) {
			var cfg bootstrap.Config
			e.build(t, map[string]string{"VERSION_PENDING_MAX": "64"}, &s.Pending, &cfg)
			s.Bound, s.Bytes = cfg.Versions.PendingMax, 32<<20 // as docs/configuration.md says
			return s
		})
	})
}

const says = `{"version":"1.4.2"}`

// source returns the version source that own chooses.
func source(t *testing.T, own map[string]string) (s version.Source) {
	t.Helper()
	own["FRONTEND_VERSION_FILE"] += "" // unsets the environment's
	embedded.build(t, own, &s)
	return s
}

func TestFileSource(t *testing.T) {
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		path := filepath.Join(t.TempDir(), "version.json")
		say := func(t *testing.T, payload string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		say(t, says)
		return versionsourcecontract.Subject{
			Source: source(t, map[string]string{"FRONTEND_VERSION_FILE": path}), Says: says, Say: say,
			Break: func(t *testing.T) { say(t, `{"half":`) },
		}
	})
}

func TestURLSource(t *testing.T) {
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		var answer atomic.Pointer[string] // nil is a failure
		say := func(_ *testing.T, payload string) { answer.Store(&payload) }
		say(t, says)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if text := answer.Load(); text != nil {
				_, _ = io.WriteString(w, *text)
				return
			}
			w.WriteHeader(http.StatusBadGateway)
		}))
		t.Cleanup(server.Close)
		return versionsourcecontract.Subject{
			Source: source(t, map[string]string{"FRONTEND_VERSION_URL": server.URL}), Says: says, Say: say,
			Break: func(*testing.T) { answer.Store(nil) },
		}
	})
}

func TestFixedSource(t *testing.T) {
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		return versionsourcecontract.Subject{Source: source(t, map[string]string{"FRONTEND_VERSION": "1.4.2"}), Says: says}
	}, versionsourcecontract.Constant("it is configured"))
}

func TestWithoutASourceThereIsNoVersion(t *testing.T) { // V6
	if answer, err := source(t, map[string]string{}).Current(t.Context(), 0); !errors.Is(err, version.ErrNoSource) {
		t.Errorf("the source says %q, %v, want %v", answer.Version.Name(), err, version.ErrNoSource)
	}
}

func TestVersionService(t *testing.T) {
	runSuite(t, "versionservicecontract", func(t *testing.T, e environment) {
		versionservicecontract.Run(t, func(t *testing.T) (s versionservicecontract.Subject) {
			path := filepath.Join(t.TempDir(), "version.json") // which is not there yet
			cfg := e.config(t, map[string]string{
				"FRONTEND_VERSION_FILE": path, "VERSION_CACHE_TTL": "0s", "SSE_MAX_EVENT_BYTES": "8KiB",
			})
			received := newRecorder()
			watch := fx.Decorate(received.before)
			app, err := bootstrap.New(t.Context(), cfg, silent, watch, fx.Populate(&s.Versions, &s.Pending))
			if err != nil {
				t.Fatal(err)
			}
			_, stop := start(t, app)
			s.Secret, s.MaxBytes = path, int(cfg.Stream.MaxEvent)
			s.Say = func(t *testing.T, v version.Version) {
				t.Helper()
				if err := os.WriteFile(path, v.Payload(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.Fail = func(t *testing.T) {
				t.Helper()
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			s.Received = received.await
			s.Stop = func(*testing.T) { stop() }
			return s
		})
	})
}

func TestVersionBoard(t *testing.T) {
	runSuite(t, "versionboardcontract", func(t *testing.T, e environment) {
		versionboardcontract.Run(t, func(t *testing.T) (b version.Board) {
			e.build(t, nil, &b)
			return b
		})
	})
}
