package ginapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/paths"
)

// The paths of what only operators should see (rule A10).
const (
	MetricsPath   = "/metrics"
	ProfilingPath = "/debug/pprof/*profile"
)

// RegisterMetrics adds /metrics to r, which is the root.
func RegisterMetrics(r gin.IRouter, metrics http.Handler) {
	r.GET(MetricsPath, gin.WrapH(metrics))
	r.HEAD(MetricsPath, gin.WrapH(metrics)) // with which some load balancers probe
}

// RegisterProfiling adds the profiles of this process to r, which is the root. They tell
// its command line and what its memory holds.
func RegisterProfiling(r gin.IRouter) {
	r.GET(ProfilingPath, func(c *gin.Context) {
		answer := pprof.Index
		switch c.Param("profile") {
		case "/cmdline":
			answer = pprof.Cmdline
		case "/profile":
			answer = pprof.Profile
		case "/symbol":
			answer = pprof.Symbol
		case "/trace":
			answer = pprof.Trace
		}
		answer(c.Writer, c.Request)
	})
}

// RegisterProbes adds the probes of liveness and readiness to r, which is the root.
func (a *API) RegisterProbes(r gin.IRouter) {
	for _, method := range []string{http.MethodGet, http.MethodHead} { // with which some load balancers probe
		r.Handle(method, paths.Health, a.handle(a.health))
		r.Handle(method, paths.Ready, a.handle(a.readiness))
	}
}
