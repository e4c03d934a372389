package webclient_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/inbound/webclient"
)

func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	webclient.New(slog.New(slog.DiscardHandler)).Register(e)
	return e
}

// ask sends a request with headers, of which each is a name and its value.
func ask(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	newEngine().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) []byte {
	t.Helper()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// manifest returns the names with a hash by the lasting ones.
func manifest(t *testing.T) map[string]string {
	t.Helper()
	var listed map[string]struct{ Path string }
	if err := json.Unmarshal(body(t, ask(t, "GET", "/api/client/manifest.json")), &listed); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for name, script := range listed {
		paths[name] = script.Path
	}
	return paths
}

func TestAScriptHasALastingNameAndOneWithItsHash(t *testing.T) { // B2
	for name, hashed := range manifest(t) {
		lasting, kept := ask(t, "GET", "/api/client/"+name), ask(t, "GET", "/api/client/"+hashed)
		for _, res := range []*http.Response{lasting, kept} {
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
				t.Errorf("%s: %d %s", name, res.StatusCode, res.Header.Get("Content-Type"))
			}
		}
		if got := lasting.Header.Get("Cache-Control"); got != "public, no-cache" {
			t.Errorf("%s: Cache-Control: %s", name, got)
		}
		if got := kept.Header.Get("Cache-Control"); !strings.HasSuffix(got, "immutable") {
			t.Errorf("%s: Cache-Control: %s", hashed, got)
		}
		if content := body(t, lasting); len(content) == 0 || !bytes.Equal(content, body(t, kept)) {
			t.Errorf("%s and %s differ, or are empty", name, hashed)
		}
		again := ask(t, "GET", "/api/client/"+name, "If-None-Match", lasting.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || len(body(t, again)) > 0 {
			t.Errorf("%s: asked for again: %d", name, again.StatusCode)
		}
	}
}

func TestAScriptIsCompressedForWhomTakesIt(t *testing.T) { // B2
	plain := ask(t, "GET", "/api/client/client.js")
	zipped := ask(t, "GET", "/api/client/client.js", "Accept-Encoding", "br, gzip;q=0.8")
	if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Fatalf("gzip was asked for: %v, plain: %v", zipped.Header, plain.Header)
	}
	r, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(content, body(t, plain)) {
		t.Errorf("what was compressed is something else: %v", err)
	}
	for _, accepted := range []string{"", "br", "gzip;q=0", "gzip; q=0.0", "deflate, gzip;q=x"} {
		res := ask(t, "GET", "/api/client/client.js", "Accept-Encoding", accepted)
		if res.Header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %q is answered with gzip", accepted)
		}
		if diff := cmp.Diff([]string{"Accept-Encoding"}, res.Header.Values("Vary")); diff != "" {
			t.Errorf("Vary: %s", diff)
		}
	}
}

func TestUnknownScriptsAre404(t *testing.T) {
	for _, path := range []string{"/api/client/other.js", "/api/client/client.ffffffffffff.js", "/api/client/..%2fwebclient.go", "/api/client/"} {
		if res := ask(t, "GET", path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if res := ask(t, "HEAD", "/api/client/client.js"); res.StatusCode != http.StatusOK || len(body(t, res)) > 0 {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
}
