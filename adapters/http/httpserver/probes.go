package httpserver

import (
	"net/http"
	"strings"

	"heliograph/adapters/http/paths"
)

// WithProbes has the paths of the probes match in any case and with a slash at
// the end, as they do in Express, with which the gateway is made that our gateway
// role can stand in for.
func WithProbes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, probe := range []string{paths.Health, paths.Ready} {
			if r.URL.Path != probe && r.URL.RawPath == "" && strings.EqualFold(strings.TrimSuffix(r.URL.Path, "/"), probe) {
				r = r.Clone(r.Context())
				r.URL.Path = probe
			}
		}
		next.ServeHTTP(w, r)
	})
}
