package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/bootstrap"
	"heliograph/test/natsserver"
)

// nowhere is a host without a terminal.
var nowhere = bootstrap.Host{Name: "node-1"}

func load(t testing.TB, environ map[string]string) bootstrap.Config {
	t.Helper()
	cfg, err := bootstrap.Load(environ, nowhere)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaultsAreThoseOfTheSpecification(t *testing.T) {
	want := bootstrap.Config{
		Environment: "development", NodeName: "node-1", ShutdownGrace: 30 * time.Second,
		HTTP: bootstrap.HTTPConfig{Addr: "localhost:8080", Console: "full"},
		Auth: bootstrap.AuthConfig{
			Mode: "none", SubjectClaim: "sub", RolesClaim: "roles", ScopesClaim: "scope",
			DefaultScopes: "stream tasks:read tasks:start tasks:cancel", RevocationKeep: 720 * time.Hour, ExpiryNotice: 30 * time.Second,
		},
		Gateway: bootstrap.GatewayConfig{
			Kind: "embedded", URL: "http://localhost:3000", Timeout: 5 * time.Second, Parallel: 64, ObserverTimeout: 5 * time.Second,
		},
		Stream: bootstrap.StreamConfig{
			Heartbeat: 15 * time.Second, Ping: 15 * time.Second, History: 16 << 20, MaxEvent: 64 << 10, DrainSpread: 10 * time.Second, Format: "named",
			Transport: "auto",
		},
		Broker:   bootstrap.BrokerConfig{NodeLease: 15 * time.Second},
		Versions: bootstrap.VersionsConfig{Poll: 30 * time.Second, Confirmations: 2, CacheTTL: 2 * time.Second, PendingMax: 10000},
		Tasks: bootstrap.TasksConfig{
			MaxWorkers: 4, QueueSize: 256, ScheduledMax: 10000, Timeout: 300 * time.Second, CleanupInterval: 600 * time.Second, CancelGrace: 30 * time.Second, OutputBytes: 1 << 20,
			RetentionCount: 10_000, RetentionBytes: 256 << 20, ProgressRate: 20,
		},
		Log: bootstrap.LogConfig{Level: "info", Format: "json"},
	}
	if diff := cmp.Diff(want, load(t, nil), cmpopts.IgnoreUnexported(bootstrap.Config{})); diff != "" {
		t.Errorf("without any variable (-want +got):\n%s", diff)
	}
}

func TestFinishedTasksAreKeptLongerByDefaultWhereTheySurvive(t *testing.T) { // T9
	for name, c := range map[string]struct {
		environ map[string]string
		want    time.Duration
	}{
		"memory":         {nil, 600 * time.Second},
		"DATA_DIR":       {map[string]string{"DATA_DIR": "/data"}, 24 * time.Hour},
		"NATS_URL":       {map[string]string{"NATS_URL": "nats://localhost:4222"}, 24 * time.Hour},
		"when it is set": {map[string]string{"DATA_DIR": "/data", "TASK_CLEANUP_INTERVAL": "5s"}, 5 * time.Second},
	} {
		if got := load(t, c.environ).Tasks.CleanupInterval; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestOnlyProductionListensEverywhereByDefault(t *testing.T) { // S5
	for env, want := range map[string]string{"": "localhost:8080", "development": "localhost:8080", "testing": "localhost:8080", "production": ":8080"} {
		if got := load(t, map[string]string{"APP_ENV": env, "AUTH": "none"}).HTTP.Addr; got != want {
			t.Errorf("APP_ENV=%s: %s, want %s", env, got, want)
		}
	}
}

func TestEmptyVariablesCountAsNotSet(t *testing.T) {
	environ := map[string]string{}
	for _, s := range (bootstrap.Config{}).Settings() {
		environ[s.Name] = ""
	}
	if diff := cmp.Diff(load(t, nil), load(t, environ), cmpopts.IgnoreUnexported(bootstrap.Config{})); diff != "" {
		t.Errorf("all empty (-none +empty):\n%s", diff)
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	creds := filepath.Join(t.TempDir(), "n.creds")
	if err := os.WriteFile(creds, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := natsserver.CertificateFiles(t)
	environ := map[string]string{
		"APP_ENV": "testing", "NODE_NAME": "n", "SHUTDOWN_GRACE_PERIOD": "1s", "HTTP_ADDR": "127.0.0.1:0",
		"CORS_ORIGINS": "https://a.example, http://localhost:5173", "ALLOWED_HOSTS": "a.example,::1", "CONSOLE": "read",
		"SSE_GATEWAY": "http", "SSE_GATEWAY_URL": "https://gateway/x", "SSE_GATEWAY_TIMEOUT": "2s", "SSE_GATEWAY_PARALLEL": "3",
		"SSE_CALLBACK_SECRET": "s3cret", "SSE_GATEWAY_SECRET": "s3cret", "SSE_OBSERVER_TIMEOUT": "4s", "SSE_HEARTBEAT_INTERVAL": "0s", "SSE_PING_INTERVAL": "5s",
		"SSE_HISTORY_BYTES": "1MiB", "SSE_MAX_EVENT_BYTES": "16KiB", "SSE_MAX_CONNECTIONS": "6", "SSE_DRAIN_SPREAD": "7s",
		"SSE_EVENT_FORMAT": "envelope", "SSE_TRANSPORT": "portable", "FRONTEND_VERSION_FILE": "v.json", "VERSION_POLL_INTERVAL": "8s", "VERSION_CONFIRMATIONS": "9",
		"VERSION_CACHE_TTL": "10s", "VERSION_PENDING_MAX": "11", "TASK_MAX_WORKERS": "12", "TASK_QUEUE_SIZE": "13", "TASK_SCHEDULED_MAX": "32", "TASK_TIMEOUT": "14s",
		"TASK_CLEANUP_INTERVAL": "15s", "TASK_CANCEL_GRACE": "16s", "TASK_OUTPUT_BYTES": "2MiB", "TASK_RETENTION_COUNT": "18",
		"TASK_RETENTION_BYTES": "19KiB", "TASK_PROGRESS_RATE": "21", "NATS_URL": "nats://me:s3cret@one:4222, tls://two", "NATS_CREDS": creds, "NODE_LEASE": "22s", "LOG_LEVEL": "debug", "LOG_FORMAT": "text",
		"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_JWT_ALGORITHMS": "HS256", "AUTH_JWT_ISSUER": "https://id.example", "AUTH_JWT_AUDIENCE": "heliograph",
		"AUTH_SUBJECT_CLAIM": "user.id", "AUTH_ROLES_CLAIM": "groups", "AUTH_SCOPES_CLAIM": "scp", "AUTH_DEFAULT_SCOPES": "stream", "AUTH_REVOCATION_KEEP": "23h0m0s",
		"AUTH_JWT_COOKIE": "session", "AUTH_KEYS_FILE": creds, "AUTH_PROXY_USER_HEADER": "X-User", "ADMIN_ADDR": "127.0.0.1:9091", "TRUSTED_PROXIES": "10.0.0.0/8", "AUTH_PROXY_ROLES_HEADER": "X-Roles", "AUTH_EXPIRY_NOTICE": "24s",
		"LIMIT_SUBJECT_CONNECTIONS": "25", "LIMIT_ADDRESS_CONNECTIONS": "26", "LIMIT_SUBJECT_CONNECTS": "27", "LIMIT_ADDRESS_CONNECTS": "28",
		"LIMIT_SUBJECT_STARTS": "29", "LIMIT_ADDRESS_STARTS": "30", "LIMIT_SUBJECT_TASKS": "31",
		"NATS_CA": files.CA, "NATS_CERT": files.Cert, "NATS_KEY": files.Key,
	}
	// Only one version source, one broker and one source of keys can be set at the same time.
	others := []string{"AUTH_JWT_KEY_FILE", "AUTH_JWKS_URL", "TASKS_FILE", "FRONTEND_VERSION_URL", "FRONTEND_VERSION", "DATA_DIR"}
	want := maps.Clone(environ)
	want["SSE_CALLBACK_SECRET"] = "[redacted]"
	want["SSE_GATEWAY_SECRET"] = "[redacted]"
	want["AUTH_JWT_KEY"] = "[redacted]"
	want["NATS_URL"] = "nats://me:xxxxx@one:4222,tls://two"
	for _, name := range others {
		want[name] = ""
	}
	got := map[string]string{}
	for _, s := range load(t, environ).Settings() {
		got[s.Name] = s.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-set +in force):\n%s", diff)
	}
}

func TestMistakesNameTheirVariable(t *testing.T) {
	for _, c := range []struct {
		environ map[string]string
		want    string // a mistake, exactly
	}{
		{map[string]string{"APP_ENV": "prod"}, `APP_ENV: "prod" is none of ["development" "testing" "production"]`},
		{map[string]string{"HTTP_ADDR": "8080"}, `HTTP_ADDR: "8080" is not host:port, such as :8080`},
		{map[string]string{"HTTP_ADDR": ":99999"}, `HTTP_ADDR: ":99999" is not host:port, such as :8080`},
		{map[string]string{"CORS_ORIGINS": "*"}, `CORS_ORIGINS: "*" is not an origin such as https://app.example.com`},
		{map[string]string{"CORS_ORIGINS": "https://a.example,https://b.example/"}, `CORS_ORIGINS: "https://b.example/" is not an origin such as https://app.example.com`},
		{map[string]string{"ALLOWED_HOSTS": "*"}, `ALLOWED_HOSTS: "*" is not a host name such as app.example.com, without a port`},
		{map[string]string{"ALLOWED_HOSTS": "a.example:80"}, `ALLOWED_HOSTS: "a.example:80" is not a host name such as app.example.com, without a port`},
		{map[string]string{"SSE_GATEWAY": "nginx"}, `SSE_GATEWAY: "nginx" is none of ["embedded" "http"]`},
		{map[string]string{"SSE_GATEWAY_URL": "localhost:3000"}, `SSE_GATEWAY_URL: "localhost:3000" is not an http:// or https:// URL`},
		{map[string]string{"SSE_GATEWAY_URL": "http://gateway/?key=s3cret"}, `SSE_GATEWAY_URL: "http://gateway/?[redacted]" has more than a host and a path`},
		{map[string]string{"SSE_GATEWAY_TIMEOUT": "5"}, `SSE_GATEWAY_TIMEOUT: "5" is not a duration such as 15s or 5m`},
		{map[string]string{"SSE_GATEWAY_TIMEOUT": "0s"}, `SSE_GATEWAY_TIMEOUT: 0s must be more than 0`},
		{map[string]string{"SSE_GATEWAY_PARALLEL": "many"}, `SSE_GATEWAY_PARALLEL: "many" is not a whole number`},
		{map[string]string{"SSE_GATEWAY_PARALLEL": "0"}, `SSE_GATEWAY_PARALLEL: 0 must be 1 to 10000`},
		{map[string]string{"SSE_OBSERVER_TIMEOUT": "-1s"}, `SSE_OBSERVER_TIMEOUT: -1s must be more than 0`},
		{map[string]string{"SSE_HEARTBEAT_INTERVAL": "-1s"}, `SSE_HEARTBEAT_INTERVAL: -1s must not be negative`},
		{map[string]string{"SSE_PING_INTERVAL": "-1s"}, `SSE_PING_INTERVAL: -1s must not be negative`},
		{map[string]string{"SSE_HISTORY_BYTES": "lots"}, `SSE_HISTORY_BYTES: "lots" is not a size such as 64KiB`},
		{map[string]string{"SSE_HISTORY_BYTES": "-1"}, `SSE_HISTORY_BYTES: "-1" is not a size such as 64KiB`},
		{
			map[string]string{"SSE_HISTORY_BYTES": "255KiB"},
			`SSE_HISTORY_BYTES: 255KiB must be at least 256KiB, 4 times SSE_MAX_EVENT_BYTES`,
		},
		{map[string]string{"SSE_MAX_EVENT_BYTES": "1KiB"}, `SSE_MAX_EVENT_BYTES: 1KiB must be 8KiB to 512KiB`},
		{map[string]string{"SSE_MAX_EVENT_BYTES": "20000000000GiB"}, `SSE_MAX_EVENT_BYTES: "20000000000GiB" is not a size such as 64KiB`},
		{map[string]string{"SSE_MAX_CONNECTIONS": "-1"}, `SSE_MAX_CONNECTIONS: -1 must be at least 0`},
		{map[string]string{"SSE_DRAIN_SPREAD": "-1s"}, `SSE_DRAIN_SPREAD: -1s must not be negative`},
		{map[string]string{"SSE_EVENT_FORMAT": "xml"}, `SSE_EVENT_FORMAT: "xml" is none of ["named" "envelope"]`},
		{map[string]string{"SSE_TRANSPORT": "tcp"}, `SSE_TRANSPORT: "tcp" is none of ["auto" "portable"]`},
		{
			map[string]string{"FRONTEND_VERSION": "1", "FRONTEND_VERSION_FILE": "f"},
			`FRONTEND_VERSION_URL, FRONTEND_VERSION_FILE, FRONTEND_VERSION: set at most one of them`,
		},
		{map[string]string{"FRONTEND_VERSION_URL": "ftp://x"}, `FRONTEND_VERSION_URL: "ftp://x" is not an http:// or https:// URL`},
		{map[string]string{"VERSION_POLL_INTERVAL": "-1s"}, `VERSION_POLL_INTERVAL: -1s must not be negative`},
		{map[string]string{"VERSION_CONFIRMATIONS": "0"}, `VERSION_CONFIRMATIONS: 0 must be at least 1`},
		{map[string]string{"VERSION_CACHE_TTL": "-1s"}, `VERSION_CACHE_TTL: -1s must not be negative`},
		{map[string]string{"VERSION_PENDING_MAX": "0"}, `VERSION_PENDING_MAX: 0 must be at least 1`},
		{map[string]string{"TASK_MAX_WORKERS": "0"}, `TASK_MAX_WORKERS: 0 must be 1 to 10000`},
		{map[string]string{"TASK_QUEUE_SIZE": "0"}, `TASK_QUEUE_SIZE: 0 must be at least 1`},
		{map[string]string{"TASK_SCHEDULED_MAX": "0"}, `TASK_SCHEDULED_MAX: 0 must be at least 1`},
		{map[string]string{"TASK_TIMEOUT": "0s"}, `TASK_TIMEOUT: 0s must be more than 0`},
		{map[string]string{"TASK_CLEANUP_INTERVAL": "0s"}, `TASK_CLEANUP_INTERVAL: 0s must be more than 0`},
		{map[string]string{"TASK_RETENTION_COUNT": "-1"}, `TASK_RETENTION_COUNT: -1 must be at least 0`},
		{map[string]string{"TASK_PROGRESS_RATE": "-1"}, `TASK_PROGRESS_RATE: -1 must be at least 0`},
		{map[string]string{"TASK_OUTPUT_BYTES": "1KiB"}, `TASK_OUTPUT_BYTES: 1KiB must be 64KiB to 64MiB`},
		{map[string]string{"TASK_CANCEL_GRACE": "0s"}, `TASK_CANCEL_GRACE: 0s must be more than 0`},
		{map[string]string{"NATS_URL": "nats://n,n:1"}, `NATS_URL: "n:1" is not a nats://, tls://, ws:// or wss:// URL`},
		{map[string]string{"NATS_URL": "nats://n", "DATA_DIR": "d"}, `DATA_DIR, NATS_URL: set at most one of them`},
		{map[string]string{"NODE_LEASE": "1ms"}, `NODE_LEASE: 1ms must be at least 1s`},
		{map[string]string{"NATS_URL": "nats://n", "NATS_CREDS": "/no/such.creds"}, `NATS_CREDS: open /no/such.creds: no such file or directory`},
		{map[string]string{"NATS_CREDS": "c"}, `NATS_CREDS: it is for NATS_URL, which is not set`},
		{map[string]string{"NATS_CA": "c"}, `NATS_CA: it is for NATS_URL, which is not set`},
		{map[string]string{"NATS_URL": "tls://n", "NATS_CA": "/dev/null"}, `NATS_CA: "/dev/null" holds no certificate in PEM`},
		{map[string]string{"NATS_URL": "tls://n", "NATS_CERT": "/dev/null"}, `NATS_CERT, NATS_KEY: set both or none of them`},
		{
			map[string]string{"NATS_URL": "tls://n", "NATS_CERT": "/dev/null", "NATS_KEY": "/dev/null"},
			`NATS_CERT, NATS_KEY: tls: failed to find any PEM data in certificate input`,
		},
		{map[string]string{"SHUTDOWN_GRACE_PERIOD": "0s"}, `SHUTDOWN_GRACE_PERIOD: 0s must be more than 0`},
		{map[string]string{"LOG_LEVEL": "loud"}, `LOG_LEVEL: "loud" is none of ["debug" "info" "warn" "error"]`},
		{map[string]string{"LOG_FORMAT": "xml"}, `LOG_FORMAT: "xml" is none of ["text" "json"]`},
		{ // A1
			map[string]string{"APP_ENV": "production"},
			"AUTH: in production it must be set: required, or none if whoever reaches the service may read everything and start every task",
		},
		{map[string]string{"AUTH": "yes"}, `AUTH: "yes" is none of ["none" "required"]`},
		{
			map[string]string{"AUTH": "required"},
			"AUTH: required needs something that proves who a request comes from: " +
				"set AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL, AUTH_KEYS_FILE or AUTH_PROXY_USER_HEADER",
		},
		{
			map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "x", "AUTH_JWKS_URL": "https://id.example/keys"},
			"AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL: set at most one of them",
		},
		{
			map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "APP_ENV": "production"},
			"AUTH_JWT_KEY: it has 6 bytes; in production at least 32 are needed, or it can be guessed from a token",
		},
		{map[string]string{"AUTH": "required", "AUTH_JWT_KEY_FILE": "/nowhere"}, `AUTH_JWT_KEY_FILE: "/nowhere": no such file or directory`},
		{map[string]string{"AUTH": "required", "AUTH_JWKS_URL": "id.example"}, "AUTH_JWKS_URL: want an absolute http or https URL"},
		{
			map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_JWT_ALGORITHMS": "none"},
			`AUTH_JWT_ALGORITHMS: algorithms: "none" is none of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA`,
		},
		{
			map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_JWT_ALGORITHMS": "RS256"},
			"AUTH_JWT_ALGORITHMS: algorithms: the keys can have HS256, HS384, HS512, none of which is allowed",
		},
		{map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_ROLES_CLAIM": " "}, "AUTH_ROLES_CLAIM: it names no claim"},
		{map[string]string{"AUTH": "required", "AUTH_KEYS_FILE": "/nowhere"}, `AUTH_KEYS_FILE: "/nowhere": no such file or directory`},
		{map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_JWT_COOKIE": "a b"}, `AUTH_JWT_COOKIE: "a b" is no name of a cookie`},
		{
			map[string]string{"AUTH": "required", "AUTH_PROXY_USER_HEADER": "X-User", "TRUSTED_PROXIES": "10.1.2.3", "AUTH_JWT_COOKIE": "a"},
			"AUTH_JWT_COOKIE: it is for JWTs, and none of AUTH_JWT_KEY, AUTH_JWT_KEY_FILE and AUTH_JWKS_URL is set",
		},
		{map[string]string{"AUTH": "required", "AUTH_PROXY_USER_HEADER": "X-User"}, "AUTH_PROXY_USER_HEADER: it counts in requests of TRUSTED_PROXIES only, and that is not set"},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8, proxy"}, `TRUSTED_PROXIES: "proxy" is not an IP address or a network such as 10.0.0.0/8`},
		{map[string]string{"ADMIN_ADDR": "x"}, `ADMIN_ADDR: "x" is not host:port, such as :8080`},
		{map[string]string{"LIMIT_SUBJECT_TASKS": "-1"}, "LIMIT_SUBJECT_TASKS: -1 is negative; 0 is no limit"},
		{map[string]string{"AUTH": "required", "TRUSTED_PROXIES": "10.1.2.3", "AUTH_PROXY_USER_HEADER": "X User"}, `AUTH_PROXY_USER_HEADER: "X User" is no name of a header`},
		{
			map[string]string{"AUTH": "required", "TRUSTED_PROXIES": "10.1.2.3", "AUTH_PROXY_USER_HEADER": "cookie"},
			`AUTH_PROXY_USER_HEADER: "cookie" comes from clients, whatever stands in front`,
		},
		{
			map[string]string{"AUTH": "required", "AUTH_JWT_KEY": "s3cret", "AUTH_PROXY_ROLES_HEADER": "X-Roles"},
			"AUTH_PROXY_ROLES_HEADER: it goes with AUTH_PROXY_USER_HEADER, which is not set",
		},
		{map[string]string{"AUTH_EXPIRY_NOTICE": "-1s"}, "AUTH_EXPIRY_NOTICE: -1s must not be negative"},
		{map[string]string{"AUTH_REVOCATION_KEEP": "1m"}, "AUTH_REVOCATION_KEEP: 1m0s must be at least 1h0m0s"},
		{ // S2
			map[string]string{"APP_ENV": "production", "AUTH": "none", "SSE_GATEWAY": "http"},
			`SSE_CALLBACK_SECRET: required in production with SSE_GATEWAY=http`,
		},
	} {
		_, err := bootstrap.Load(c.environ, nowhere)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.environ, err, c.want)
		}
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	for _, environ := range []map[string]string{
		{"TASK_TIMEOUT": "soon", "SSE_GATEWAY_TIMEOUT": "later", "TASK_QUEUE_SIZE": "-1"}, // two cannot be read
		{"APP_ENV": "x", "LOG_LEVEL": "y", "TASK_QUEUE_SIZE": "-1", "NATS_URL": "n"},
	} {
		_, err := bootstrap.Load(environ, nowhere)
		if err == nil {
			t.Fatalf("%v: no error", environ)
		}
		if got := strings.Count(err.Error(), "\n") + 1; got != len(environ) {
			t.Errorf("%v: %d lines, want one for each variable:\n%v", environ, got, err)
		}
		for name := range environ {
			if !strings.Contains(err.Error(), name+": ") {
				t.Errorf("%v: no word of %s:\n%v", environ, name, err)
			}
		}
	}
}

func TestAHostWithoutANameNeedsNodeName(t *testing.T) {
	if _, err := bootstrap.Load(nil, bootstrap.Host{}); err == nil || !strings.HasPrefix(err.Error(), "NODE_NAME: ") {
		t.Errorf("got %v, want an error about NODE_NAME", err)
	}
}

func TestATerminalGetsText(t *testing.T) {
	cfg, err := bootstrap.Load(nil, bootstrap.Host{Name: "n", Terminal: true})
	if err != nil || cfg.Log.Format != bootstrap.LogText {
		t.Errorf("got %q, %v; want text", cfg.Log.Format, err)
	}
}

func TestMistypedVariablesAreFound(t *testing.T) {
	got := bootstrap.Unknown(map[string]string{
		"SSE_GATEWAI": "x", "TASK_TIMEOUT": "1s", "FRONTEND_VERSIONS": "1", "PATH": "/bin", "DATA_DIRECTORY": "theirs", "VERSION_POLL": "1s",
	})
	if diff := cmp.Diff([]string{"FRONTEND_VERSIONS", "SSE_GATEWAI", "VERSION_POLL"}, got); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

func TestSecretsAreShownNowhere(t *testing.T) { // S2
	const secret = "s3cret"
	cfg := load(t, map[string]string{
		"SSE_GATEWAY": "http", "SSE_CALLBACK_SECRET": secret, "SSE_GATEWAY_URL": "http://user:" + secret + "@gateway",
	})
	var shown bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&shown, nil))
	log.Info("x", slog.Any("config", cfg), slog.Any("secret", cfg.Gateway.CallbackSecret))
	fmt.Fprintf(&shown, "%v %+v %#v %q %x", cfg.Settings(), cfg, cfg, cfg.Gateway.CallbackSecret, cfg.Gateway.CallbackSecret)
	_ = json.NewEncoder(&shown).Encode(cfg.Gateway)
	if strings.Contains(shown.String(), secret) || !strings.Contains(shown.String(), "[redacted]") {
		t.Errorf("the secret is in: %s", &shown)
	}
}

func TestAURLShowsNoSecretWhereverItIs(t *testing.T) { // NATS takes a token in the place of a user
	const secret = "s3cret"
	for url, want := range map[bootstrap.URL]string{
		"nats://host:4222":             "nats://host:4222",
		"nats://s3cret@host:4222":      "nats://xxxxx@host:4222",
		"nats://user:s3cret@host:4222": "nats://user:xxxxx@host:4222",
		"nats://:s3cret@host":          "nats://:xxxxx@host",
		"https://s3cret@host/v?s3cret": "https://xxxxx@host/v?[redacted]",
		"https://host/v#s3cret":        "https://host/v#xxxxx",
		"nats:s3cret@host":             "[redacted]",
		"s3cret@host":                  "[redacted]",
		"nats://s3cret@ho st":          "[redacted]",
		"localhost:3000":               "localhost:3000",
	} {
		if url.String() != want {
			t.Errorf("%q is shown as %q, want %q", string(url), url, want)
		}
		_, err := bootstrap.Load(map[string]string{"NATS_URL": string(url), "FRONTEND_VERSION_URL": string(url), "SSE_GATEWAY_URL": string(url)}, nowhere)
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error shows it: %v", err)
		}
	}
	cfg := load(t, map[string]string{"NATS_URL": "nats://s3cret@a:1,nats://s3cret@b:2"})
	if shown := fmt.Sprintf("%v %+v %#v", cfg.Settings(), cfg, cfg); strings.Contains(shown, secret) {
		t.Errorf("it is in the settings: %s", shown)
	}
}

func TestEveryVariableIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` ").FindAllSubmatch(doc, -1) {
		documented = append(documented, string(row[1]))
	}
	var known []string
	for _, s := range append((bootstrap.Config{}).Settings(), (bootstrap.GatewayRoleConfig{}).Settings()...) {
		known = append(known, s.Name)
	}
	slices.Sort(documented)
	slices.Sort(known)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("rows of docs/configuration.md (-known +documented):\n%s", diff)
	}
}

func TestByteSizesAreReadAndWritten(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes bootstrap.ByteSize
		shown string
	}{
		{"16MiB", 16 << 20, "16MiB"},
		{"64KiB", 64 << 10, "64KiB"},
		{"1.5 MiB", 3 << 19, "1536KiB"},
		{"1MB", 1_000_000, "1000000B"},
		{"1GiB", 1 << 30, "1GiB"},
		{"4096", 4096, "4KiB"},
		{"0", 0, "0B"},
	} {
		got, err := bootstrap.ParseByteSize(c.text)
		if err != nil || got != c.bytes || got.String() != c.shown {
			t.Errorf("%q: %d bytes, shown as %s, error %v; want %d, %s", c.text, int(got), got, err, int(c.bytes), c.shown)
		}
	}
}

func FuzzByteSizeRoundTrip(f *testing.F) {
	for _, seed := range []string{"64KiB", "1.5MB", "-1", "", "9e99", "8EiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := bootstrap.ParseByteSize(text)
		if err != nil {
			return
		}
		if size < 0 {
			t.Errorf("%q is negative: %d", text, int(size))
		}
		if again, err := bootstrap.ParseByteSize(size.String()); err != nil || again != size {
			t.Errorf("%q is shown as %s, which is read as %d, %v", text, size, int(again), err)
		}
	})
}

func TestSettingsSayWhereTheyComeFrom(t *testing.T) { // W7
	origins := map[string]string{}
	for _, s := range load(t, map[string]string{"TASK_MAX_WORKERS": "4", "TASK_QUEUE_SIZE": ""}).Settings() {
		origins[s.Name] = s.Origin
	}
	for name, want := range map[string]string{"TASK_MAX_WORKERS": "environment", "TASK_QUEUE_SIZE": "default", "NODE_NAME": "default"} {
		if origins[name] != want {
			t.Errorf("%s comes from %q, want %q", name, origins[name], want)
		}
	}
}
