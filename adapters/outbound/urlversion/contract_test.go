package urlversion_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/urlversion"
	"heliograph/test/contract/versionsourcecontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const says = `{"version":"1.4.2","changelog":"new"}`

func TestSourceContract(t *testing.T) {
	t.Parallel()
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		var body atomic.Value
		var status atomic.Int64
		set := func(code int, text string) { status.Store(int64(code)); body.Store(text) }
		set(http.StatusOK, says)
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(int(status.Load()))
			write(w, body.Load().(string))
		})
		return versionsourcecontract.Subject{
			Source: s,
			Says:   says,
			Say:    func(_ *testing.T, payload string) { set(http.StatusOK, payload) },
			Break:  func(*testing.T) { set(http.StatusInternalServerError, says) },
		}
	})
}

func write(w http.ResponseWriter, text string) { _, _ = io.WriteString(w, text) }

// serve returns a source whose URL handler answers.
func serve(t *testing.T, handler http.HandlerFunc) *urlversion.Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newSource(t, server.URL)
}

func newSource(t *testing.T, url string) *urlversion.Source {
	t.Helper()
	s, err := urlversion.New(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
