package e2e_test

import (
	"net"
	"strings"
	"testing"
)

// variables are all of the specification's.
var variables = strings.Fields(`APP_ENV HTTP_ADDR SSE_GATEWAY SSE_GATEWAY_URL SSE_GATEWAY_TIMEOUT SSE_GATEWAY_PARALLEL
	SSE_CALLBACK_SECRET SSE_OBSERVER_TIMEOUT SSE_HEARTBEAT_INTERVAL SSE_PING_INTERVAL SSE_HISTORY_BYTES
	SSE_MAX_EVENT_BYTES SSE_MAX_CONNECTIONS SSE_DRAIN_SPREAD SSE_EVENT_FORMAT FRONTEND_VERSION_URL
	FRONTEND_VERSION_FILE FRONTEND_VERSION VERSION_POLL_INTERVAL VERSION_CONFIRMATIONS VERSION_CACHE_TTL
	VERSION_PENDING_MAX TASK_MAX_WORKERS TASK_QUEUE_SIZE TASK_TIMEOUT TASK_CLEANUP_INTERVAL TASK_CANCEL_GRACE
	DATA_DIR NATS_URL NATS_CREDS NODE_LEASE NODE_NAME SHUTDOWN_GRACE_PERIOD LOG_LEVEL LOG_FORMAT`)

func TestConfigShowsEveryVariableAndWhereItComesFrom(t *testing.T) {
	t.Parallel()
	status, out, errs := heliograph(t, []string{"TASK_MAX_WORKERS=7", "SSE_CALLBACK_SECRET=hidden-secret"}, "config")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errs)
	}
	rows := map[string]string{}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 {
			rows[fields[0]] = line
		}
	}
	for _, name := range variables {
		if rows[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	for name, parts := range map[string][]string{
		"TASK_MAX_WORKERS": {"7", "environment"}, "TASK_QUEUE_SIZE": {"256", "default"},
		"SSE_HISTORY_BYTES": {"16", "MiB"}, "SSE_CALLBACK_SECRET": {"environment"},
	} {
		for _, part := range parts {
			if !strings.Contains(rows[name], part) {
				t.Errorf("%s: %q does not say %q", name, rows[name], part)
			}
		}
	}
	if strings.Contains(out+errs, "hidden-secret") {
		t.Error("S2: the secret is shown")
	}
}

func TestBadConfigurationEndsWithItsVariablesName(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"APP_ENV=staging", "HTTP_ADDR=nowhere", "HTTP_ADDR=:99999", "SSE_GATEWAY=node", "SSE_GATEWAY_URL=localhost",
		"SSE_GATEWAY_TIMEOUT=5", "SSE_GATEWAY_PARALLEL=0", "SSE_OBSERVER_TIMEOUT=-1s", "SSE_HEARTBEAT_INTERVAL=-1s",
		"SSE_PING_INTERVAL=often", "SSE_HISTORY_BYTES=1", "SSE_HISTORY_BYTES=much", "SSE_MAX_EVENT_BYTES=0",
		"SSE_MAX_CONNECTIONS=-1", "SSE_DRAIN_SPREAD=-1s", "SSE_EVENT_FORMAT=xml", "FRONTEND_VERSION_URL=ftp://x/",
		"VERSION_POLL_INTERVAL=-1s", "VERSION_CONFIRMATIONS=0", "VERSION_CACHE_TTL=x", "VERSION_PENDING_MAX=0",
		"TASK_MAX_WORKERS=0", "TASK_MAX_WORKERS=four", "TASK_QUEUE_SIZE=0", "TASK_TIMEOUT=0", "TASK_CLEANUP_INTERVAL=0",
		"TASK_CANCEL_GRACE=0", "DATA_DIR=/dev/null/x", "NATS_URL=nats://x", "SHUTDOWN_GRACE_PERIOD=0", "LOG_LEVEL=loud",
		"LOG_FORMAT=xml", "FRONTEND_VERSION=1 FRONTEND_VERSION_FILE=x", "APP_ENV=production SSE_GATEWAY=http SSE_CALLBACK_SECRET= AUTH=",
		"TASK_TIMEOUT=x VERSION_CACHE_TTL=y TASK_QUEUE_SIZE=-5",
	} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			status, _, errs := heliograph(t, append([]string{"HTTP_ADDR=127.0.0.1:0"}, strings.Fields(bad)...), "serve")
			if status != 1 {
				t.Errorf("exit status %d, want 1", status)
			}
			for assignment := range strings.FieldsSeq(bad) {
				name, value, _ := strings.Cut(assignment, "=")
				if !strings.Contains(errs, name) && value != "production" && value != "http" {
					t.Errorf("the error does not name %s: %s", name, errs)
				}
			}
		})
	}
}

func TestUnknownVariableIsLogged(t *testing.T) {
	t.Parallel()
	s := start(t, "TASK_MAX_WORKRES=9")
	for _, w := range s.logs.warnings() {
		if strings.Contains(w.String(), "TASK_MAX_WORKRES") {
			return
		}
	}
	t.Error("no warning names the variable that does not exist")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	s := start(t)
	addr := "HTTP_ADDR=" + s.addr
	if status, _, errs := heliograph(t, []string{addr}, "healthcheck"); status != 0 {
		t.Errorf("healthy: exit status %d: %s", status, errs)
	}
	s.terminate(t)
	if status, _, _ := heliograph(t, []string{addr}, "healthcheck"); status != 1 {
		t.Errorf("stopped: exit status %d, want 1", status)
	}
}

func TestTakenPortIsAClearError(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	status, _, errs := heliograph(t, []string{"HTTP_ADDR=" + taken.Addr().String()}, "serve")
	if status != 1 || !strings.Contains(errs, taken.Addr().String()) {
		t.Errorf("exit status %d: %s", status, errs)
	}
}

func TestCommandsPrintHelp(t *testing.T) {
	t.Parallel()
	status, out, _ := heliograph(t, nil, "--help")
	for _, command := range []string{"serve", "config", "healthcheck"} {
		if status != 0 || !strings.Contains(out, command) {
			t.Errorf("--help: exit status %d, without %s:\n%s", status, command, out)
		}
	}
	if status, _, errs := heliograph(t, nil, "no-such-command"); status == 0 || errs == "" {
		t.Errorf("an unknown command: exit status %d: %s", status, errs)
	}
}
