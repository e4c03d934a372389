package ginapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
)

// GuardConfig says which web pages may use the service, and under which names
// the service is reached. Its zero value admits no page of another origin to
// writes, and every Host.
type GuardConfig struct {
	// Origins may read every answer and change things, with credentials (rules S5,
	// S6). Each is a scheme, a host and perhaps a port: https://app.example.
	Origins []string
	// CheckHost refuses requests whose Host is neither loopback, nor the address
	// that the request came to, nor among Hosts.
	CheckHost bool
	// Hosts are names without a port.
	Hosts []string
}

// Guard is the middleware that keeps web pages of other origins out. It is
// immutable.
type Guard struct {
	origins   []string
	checkHost bool
	hosts     []string
	writes    *http.CrossOriginProtection
}

// NewGuard returns a Guard. Errors: one of the origins is none.
func NewGuard(cfg GuardConfig) (*Guard, error) {
	g := &Guard{origins: cfg.Origins, checkHost: cfg.CheckHost, writes: http.NewCrossOriginProtection()}
	for _, host := range cfg.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(host))
	}
	for _, origin := range cfg.Origins {
		if err := g.writes.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	return g, nil
}

// What is refused, whatever the path.
var (
	errForeignHost = &ginjson.Error{
		Status: http.StatusMisdirectedRequest, Code: "UNKNOWN_HOST",
		Message: "the service is not known by this Host; set ALLOWED_HOSTS if it should be",
	}
	errCrossOrigin = &ginjson.Error{
		Status: http.StatusForbidden, Code: "CROSS_ORIGIN",
		Message: "a page of another origin may not change anything here; set CORS_ORIGINS if it should",
	}
)

// use returns the middleware.
func (g *Guard) use(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.FullPath() != paths.Stream { // a stream has it among its own headers, which cost nothing
			ginjson.ForbidSniffing(c)
		}
		switch err := g.check(c.Request); {
		case errors.Is(err, errForeignHost):
			ginjson.Abort(c, log, err)
		case g.share(c) && isPreflight(c.Request):
			answerPreflight(c)
		case err != nil:
			ginjson.Abort(c, log, err)
		}
	}
}

// check returns why r is refused, or nil.
func (g *Guard) check(r *http.Request) error {
	switch {
	case g.checkHost && !g.knowsHost(r):
		return errForeignHost
	case g.writes.Check(r) != nil:
		return errCrossOrigin
	default:
		return nil
	}
}

// knowsHost reports whether the request means this service. A page whose name was
// pointed at this machine (DNS rebinding) is of the same origin as far as its
// browser can tell; only the Host shows the name. Programs that send no Host are
// no browsers.
func (g *Guard) knowsHost(r *http.Request) bool {
	name := hostname(r.Host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(g.hosts, name) {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if ip = ip.Unmap(); ip.IsLoopback() {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return local != nil && ip == local.AddrPort().Addr().Unmap().WithZone("")
}

// hostname returns the Host without its port, in lower case.
func hostname(host string) string {
	if strings.Contains(host, ":") { // otherwise the error alone would cost more than all else here
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// share sets the headers by which a page of an allowed origin may read the
// answer, and reports whether the request comes from one (rule S6).
func (g *Guard) share(c *gin.Context) bool {
	if len(g.origins) == 0 {
		return false
	}
	header := c.Writer.Header()
	header.Add("Vary", "Origin")
	origin := c.GetHeader("Origin")
	if !slices.Contains(g.origins, origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Access-Control-Expose-Headers", "ETag, Heliograph-Gap, Heliograph-Interval, Retry-After, Stream-Closed, Stream-Cursor, Stream-Next-Offset, Stream-Up-To-Date")
	return true
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflightAge is how long a browser may remember the answer, in seconds: the
// ten minutes that the strictest of them allow.
const preflightAge = "600"

func answerPreflight(c *gin.Context) {
	c.Header("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
	c.Header("Access-Control-Allow-Headers", "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID")
	c.Header("Access-Control-Max-Age", preflightAge)
	c.AbortWithStatus(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}
