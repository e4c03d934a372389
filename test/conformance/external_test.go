package conformance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"

	"heliograph/test/conformance"
)

// externalPrograms are programs that are not ours, from the environment:
// docs/conformance.md describes the variables.
type externalPrograms struct {
	Gateway struct {
		URL          string             `env:"URL"`
		CallbackURL  string             `env:"CALLBACK_URL"`
		CallbackAddr string             `env:"CALLBACK_ADDR"`
		Unconfigured string             `env:"UNCONFIGURED_URL"`
		InternalURL  string             `env:"INTERNAL_URL"`
		Secret       string             `env:"INTERNAL_SECRET"`
		Format       conformance.Format `env:"EVENT_FORMAT"`
		Heartbeat    time.Duration      `env:"HEARTBEAT"`
		MaxBody      int                `env:"MAX_BODY"`
		Command      string             `env:"COMMAND"`
		Extended     bool               `env:"EXTENDED"`
	} `envPrefix:"CONFORMANCE_GATEWAY_"`
	// Path is where the program finds others.
	Path    string `env:"PATH"`
	Backend struct {
		URL         string `env:"URL"`
		GatewayAddr string `env:"GATEWAY_ADDR"`
		Secret      string `env:"INTERNAL_SECRET"`
		Accepted    string `env:"ACCEPTED"`
		Rejected    string `env:"REJECTED"`
	} `envPrefix:"CONFORMANCE_BACKEND_"`
}

func named(t *testing.T) externalPrograms {
	t.Helper()
	var s externalPrograms
	if err := env.Parse(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExternalGateway(t *testing.T) {
	t.Parallel()
	g := named(t).Gateway
	if g.URL == "" || g.CallbackURL == "" {
		t.Skip("CONFORMANCE_GATEWAY_URL and CONFORMANCE_GATEWAY_CALLBACK_URL name no gateway")
	}
	conformance.Gateway(t, conformance.GatewaySubject{
		URL: strings.TrimSuffix(g.URL, "/"), CallbackURL: g.CallbackURL, CallbackAddr: g.CallbackAddr,
		UnconfiguredURL: g.Unconfigured, InternalURL: g.InternalURL, Secret: g.Secret,
		Format: g.Format, Heartbeat: g.Heartbeat, MaxBody: g.MaxBody,
	})
}

func TestExternalProgram(t *testing.T) {
	t.Parallel()
	all := named(t)
	g := all.Gateway
	if g.Command == "" {
		t.Skip("CONFORMANCE_GATEWAY_COMMAND names no program")
	}
	conformance.Program(t, conformance.ProgramSubject{Command: strings.Fields(g.Command), Env: []string{"PATH=" + all.Path}, Extended: g.Extended, Format: g.Format})
}

func TestExternalBackend(t *testing.T) {
	t.Parallel()
	b := named(t).Backend
	if b.URL == "" || b.GatewayAddr == "" {
		t.Skip("CONFORMANCE_BACKEND_URL and CONFORMANCE_BACKEND_GATEWAY_ADDR name no backend")
	}
	conformance.Backend(t, conformance.BackendSubject{
		CallbackURL: b.URL, GatewayAddr: b.GatewayAddr, Secret: b.Secret, Accepted: b.Accepted, Rejected: b.Rejected,
	})
}
