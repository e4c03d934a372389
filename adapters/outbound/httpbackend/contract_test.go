package httpbackend_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/httpbackend"
	"heliograph/test/callbackserver"
	"heliograph/test/contract/backendcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBackendContract(t *testing.T) {
	backendcontract.Run(t, func(t *testing.T) backendcontract.Subject {
		server := callbackserver.Start(t)
		b, err := httpbackend.New(httpbackend.Config{URL: server.URL(), Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return server.Subject(b)
	})
}
