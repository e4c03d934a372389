package console_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/assets"
	"heliograph/adapters/inbound/console"
	"heliograph/test/clientbundle"
)

// ask sends a request to a console of the mode, with headers, of which each is a name and
// its value.
func ask(t *testing.T, mode console.Mode, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	console.New(mode, true, slog.New(slog.DiscardHandler)).Register(e)
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestThePageHasNothingInlineAndAStrictPolicy(t *testing.T) { // W
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	res, body := ask(t, console.Full, "GET", "/")
	if got := res.Header.Get("Content-Security-Policy"); res.StatusCode != http.StatusOK || got != want {
		t.Errorf("%d, policy %q", res.StatusCode, got)
	}
	for _, inline := range []string{`<style`, ` style=`, ` onclick=`, `://`} {
		if strings.Contains(body, inline) {
			t.Errorf("the page has %q", inline)
		}
	}
	if script := regexp.MustCompile(`<script[^>]*>([^<]*)`).FindStringSubmatch(body); script == nil || script[1] != "" {
		t.Errorf("the page's script is %q", script)
	}
}

func TestThePageSaysItsMode(t *testing.T) { // W
	for _, mode := range []console.Mode{console.Read, console.Full} {
		if _, body := ask(t, mode, "GET", "/"); !strings.Contains(body, `data-mode="`+string(mode)+`" data-live="true"`) {
			t.Errorf("mode %s: %s", mode, body)
		}
	}
}

func TestFilesAreThoseOfThePageAndAreKeptForEver(t *testing.T) { // W
	_, page := ask(t, console.Full, "GET", "/")
	found := regexp.MustCompile(`"(/console/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) != 3 {
		t.Fatalf("the page names %d files, want its script, its style and its icon", len(found))
	}
	for _, f := range found {
		res, _ := ask(t, console.Full, "GET", f[1])
		if got := res.Header.Get("Cache-Control"); res.StatusCode != http.StatusOK || got != assets.Forever {
			t.Errorf("%s: %d, Cache-Control %q", f[1], res.StatusCode, got)
		}
		if zipped, _ := ask(t, console.Full, "GET", f[1], "Accept-Encoding", "gzip"); zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", f[1])
		}
		if head, body := ask(t, console.Full, "HEAD", f[1]); head.StatusCode != http.StatusOK || body != "" {
			t.Errorf("HEAD %s: %d", f[1], head.StatusCode)
		}
	}
	res, _ := ask(t, console.Full, "GET", "/")
	if again, _ := ask(t, console.Full, "GET", "/", "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the page that the browser has is answered %d", again.StatusCode)
	}
	if res, body := ask(t, console.Full, "GET", "/console/console.js"); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "NOT_FOUND") {
		t.Errorf("a file that is not there: %d %s", res.StatusCode, body)
	}
}

func TestTheFilesAreThoseOfTheSourcesAndSmall(t *testing.T) { // W
	files, err := clientbundle.Console("src", filepath.Join("..", "webclient", "src"))
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join("dist", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources make of it: run make generate (%v)", name, err)
		}
		size += clientbundle.Zipped(want)
	}
	if size > clientbundle.ConsoleLimit {
		t.Errorf("the console has %d bytes after gzip, and may have %d", size, clientbundle.ConsoleLimit)
	}
	t.Logf("%d bytes after gzip", size)
}

// The compiler is that of the client library, whose packages its own tests install.
func TestTheTypesAreRight(t *testing.T) {
	compiler, err := exec.LookPath(filepath.Join("..", "webclient", "node_modules", ".bin", "tsc"))
	if err != nil {
		t.Skip("SKIPPED: the packages of the client library are not installed")
	}
	if out, err := exec.CommandContext(t.Context(), compiler, "-p", ".").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
