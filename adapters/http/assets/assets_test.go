package assets_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heliograph/adapters/http/assets"
)

func serve(t *testing.T, f assets.File, method string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/file", http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

func TestAFileIsAskedForEachTimeUnlessItsNameLasts(t *testing.T) {
	f := assets.New("text/plain", []byte(strings.Repeat("words ", 100)))
	if got := serve(t, f, http.MethodGet).Header.Get("Cache-Control"); got != "public, no-cache" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := serve(t, f.Lasting(), http.MethodGet).Header.Get("Cache-Control"); got != assets.Forever {
		t.Errorf("of a lasting name: Cache-Control %q", got)
	}
}

func TestAFileThatTheBrowserHasIsNotSentAgain(t *testing.T) {
	f := assets.New("text/plain", []byte(strings.Repeat("words ", 100)))
	plain, zipped := serve(t, f, http.MethodGet), serve(t, f, http.MethodGet, "Accept-Encoding", "gzip")
	if plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Error("what is compressed has the same ETag")
	}
	for encoding, res := range map[string]*http.Response{"identity": plain, "gzip": zipped} {
		if again := serve(t, f, http.MethodGet, "Accept-Encoding", encoding, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d, want 304", encoding, again.StatusCode)
		}
	}
}
