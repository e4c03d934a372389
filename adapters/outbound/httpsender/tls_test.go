package httpsender_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// trusted starts a server with TLS, whose certificate is the machine's only authority.
func trusted(t *testing.T) func(handler http.Handler) *httptest.Server {
	return func(handler http.Handler) *httptest.Server {
		server := httptest.NewTLSServer(handler)
		path := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SSL_CERT_FILE", path) // is read once; the certificate is always the same
		return server
	}
}

func TestBroadcastsReachAGatewayWithTLS(t *testing.T) {
	got := broadcastToServer(t, trusted(t), "", 3, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ok","delivered":0,"unknown":[]}`)
	})
	if len(got) == 0 || got[0].Line != "POST /internal/broadcast" {
		t.Errorf("there arrived %+v", got)
	}
}
