package main

import (
	"context"
	"strings"
	"testing"
)

func TestGatewayWithABadPortEndsWithAClearError(t *testing.T) { // gateway-protocol, "Configuration"
	status, stdout, stderr := call(t, map[string]string{"PORT": "web"}, "gateway")
	if status != 1 || stdout != "" || stderr != "heliograph: PORT: \"web\" is not a whole number\n" {
		t.Errorf("exit status %d, %q, %q", status, stdout, stderr)
	}
}

func TestGatewayIgnoresABadHeartbeatAndSaysSo(t *testing.T) { // gateway-protocol, "Configuration"
	status, log := gateway(t, map[string]string{"HEARTBEAT_INTERVAL_SECONDS": "often", "CALLBACK_URL": "http://b/?s3cret"}, `"msg":"listening"`)
	if status != 0 || strings.Contains(log, "s3cret") {
		t.Errorf("exit status %d:\n%s", status, log)
	}
	for _, want := range []string{`"level":"ERROR"`, `HEARTBEAT_INTERVAL_SECONDS: \"often\"`, `"heartbeat_interval_seconds":"15"`, `"msg":"stopped"`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log:\n%s", want, log)
		}
	}
}

func TestGatewayPrintsWhatToDoForATerminal(t *testing.T) {
	for url, want := range map[string]string{"": "set CALLBACK_URL", "http://b/cb": "curl -N 'http://localhost:"} {
		if status, said := gateway(t, map[string]string{"LOG_FORMAT": "text", "LOG_LEVEL": "error", "CALLBACK_URL": url}, want); status != 0 {
			t.Errorf("exit status %d:\n%s", status, said)
		}
	}
}

// gateway runs the role until it has said until, then ends it as a signal
// would.
func gateway(t *testing.T, environ map[string]string, until string) (status int, said string) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	stderr := &output{seen: func(all string) {
		if strings.Contains(all, until) {
			end()
		}
	}}
	environ["PORT"] = "0"
	p := program{args: []string{"gateway"}, environ: environ, stdout: &output{}, stderr: stderr}
	status = p.run(ctx)
	return status, stderr.buf.String()
}

func TestConfigShowsTheVariablesOfTheGateway(t *testing.T) {
	status, table, stderr := call(t, map[string]string{"INTERNAL_SECRET": "s3cret"}, "config", "gateway")
	if status != 0 || stderr != "" || strings.Contains(table, "s3cret") || strings.Contains(table, "TASK_") {
		t.Errorf("exit status %d, %s:\n%s", status, stderr, table)
	}
	for _, want := range []string{"PORT ", "CALLBACK_URL ", "HEARTBEAT_INTERVAL_SECONDS ", "INTERNAL_SECRET "} {
		if !strings.Contains(table, "\n"+want) {
			t.Errorf("%s is missing:\n%s", want, table)
		}
	}
}
