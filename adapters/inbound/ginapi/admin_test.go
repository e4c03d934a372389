package ginapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/inbound/ginapi"
)

func TestProfilesAreThere(t *testing.T) { // A10
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	ginapi.RegisterProfiling(e)
	for path, want := range map[string]string{
		"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/heap?debug=1": "heap profile",
		"/debug/pprof/cmdline": "ginapi.test", "/debug/pprof/symbol": "num_symbols",
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %.100s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/none", http.NoBody))
	if w.Code != http.StatusNotFound {
		t.Errorf("an unknown profile: %d", w.Code)
	}
}
