package env_test

import (
	"testing"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/httpbackend"
	"heliograph/bootstrap"
	"heliograph/domain/gateway"
	"heliograph/test/callbackserver"
	"heliograph/test/contract/backendcontract"
)

// TestBackend takes ten seconds: the protocol's time limit of a callback, twice.
func TestBackend(t *testing.T) {
	backendcontract.Run(t, func(t *testing.T) backendcontract.Subject {
		server := callbackserver.Start(t)
		cfg, _, err := bootstrap.LoadGatewayRole(map[string]string{"CALLBACK_URL": server.URL()}, bootstrap.Host{Name: "gateway"})
		if err != nil {
			t.Fatal(err)
		}
		var backend gateway.Backend
		var adapter *httpbackend.Backend
		if _, err := bootstrap.NewGatewayRole(cfg, silent, fx.Populate(&backend, &adapter)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(adapter.Close)
		return server.Subject(backend)
	})
}
