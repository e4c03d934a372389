// Package ginaccess has the gin adapters ask who a request comes from and what they may
// do (rules A of the specification).
//
// A Gate reads the credential of a request, asks access.Service whose it is, and puts the
// principal into the request's context, where the application finds it. It fails closed:
// a route that is not said to be open needs a principal.
package ginaccess

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/access"
)

// Config says where credentials are looked for.
type Config struct {
	// Cookie is the name of the cookie that may carry a JWT; "" is none (rule A4).
	Cookie string
	// Origins are the origins of pages that may use the service with that cookie, beside
	// its own.
	Origins []string
	// ProxyHeaders are the headers in which a proxy that authenticates names the user and
	// its roles; empty is no such proxy. They count only in requests of Proxies.
	ProxyHeaders []string
	// Proxies are the addresses whose word counts.
	Proxies []netip.Prefix
	// Open are the routes that need no credential, as gin writes their paths.
	Open []string
	// Scopes are what routes need beside a credential: by method and path, with a space
	// between them.
	Scopes map[string]access.Scope
}

// Gate authenticates requests. It is safe for concurrent use. A nil Gate, for when
// authentication is off, lets everything through.
type Gate struct {
	cfg    Config
	access access.Service
	policy access.Policy
	pages  *http.CrossOriginProtection // which of them may use the cookie
	log    *slog.Logger
}

// New returns a Gate. Errors: one of the origins is none.
func New(cfg Config, service access.Service, policy access.Policy, log *slog.Logger) (*Gate, error) {
	pages := http.NewCrossOriginProtection()
	for _, origin := range cfg.Origins {
		if err := pages.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	return &Gate{cfg: cfg, access: service, policy: policy, pages: pages, log: log}, nil
}

// Use adds the gate to all routes that are registered on e from then on.
func (g *Gate) Use(e *gin.Engine) {
	if g != nil {
		e.Use(g.serve)
	}
}

func (g *Gate) serve(c *gin.Context) {
	route := c.FullPath()
	if route == "" || slices.Contains(g.cfg.Open, route) { // "" is a path that does not exist
		return
	}
	if err := g.Admit(c, g.cfg.Scopes[c.Request.Method+" "+route]); err != nil {
		ginjson.Abort(c, g.log, err)
	}
}

// Admit authenticates the request, and makes its context one with the principal, who
// must have the scope that is needed; 0 is none. It is for routes that are open to the
// gate because they answer a refusal in their own way. Errors: those of access.Service
// and access.Policy, *ginjson.Error with CROSS_ORIGIN.
func (g *Gate) Admit(c *gin.Context, need access.Scope) error {
	if g == nil {
		return nil
	}
	return g.admit(c, clientOf(c.Request), need)
}

// AdmitForwarded is Admit for a stream that an external gateway asks for in the request
// of c: with the headers and the raw query that its client has sent (rule A7).
func (g *Gate) AdmitForwarded(c *gin.Context, header http.Header, query string) error {
	if g == nil {
		return nil
	}
	forwarded := client{header: header, query: query, host: header.Get("Host"), remote: c.Request.RemoteAddr, stream: true, reads: true}
	return g.admit(c, forwarded, access.Stream)
}

func (g *Gate) admit(c *gin.Context, from client, need access.Scope) error {
	credential, err := g.credential(from)
	if err != nil {
		return err
	}
	if credential.Source == access.FromCookie && !g.ownPage(from) {
		return errForeignPage
	}
	ctx := c.Request.Context()
	p, err := g.access.Authenticate(ctx, credential)
	if err != nil {
		return err
	}
	if need != 0 {
		if err := g.policy.Allow(p, need, access.TaskKind{}); err != nil {
			return err
		}
	}
	c.Request = c.Request.WithContext(access.NewContext(ctx, p))
	return nil
}

// errForeignPage refuses a request with a cookie, which browsers add by themselves, that
// no page of this origin or an allowed one has made (rule A4).
var errForeignPage = &ginjson.Error{
	Status: http.StatusForbidden, Code: "CROSS_ORIGIN",
	Message: "a request with the cookie must come from a page of this origin or of one in CORS_ORIGINS, and say so in Origin or Sec-Fetch-Site",
}

// ownPage reports whether a request that changes something says that it comes from a page
// of this origin or of an allowed one. One that only reads may say nothing, but not that
// it comes from elsewhere: a stream replaces another one of its request_id.
func (g *Gate) ownPage(r client) bool {
	site := r.header.Get("Sec-Fetch-Site")
	if site == "none" || site == "" && r.header.Get("Origin") == "" { // the address bar, a bookmark, or a program
		return r.reads
	}
	return g.pages.Check(&http.Request{Method: http.MethodPost, Host: r.host, URL: &url.URL{}, Header: r.header}) == nil
}

// WithAddress puts the address of the client into the request's context, for limits. It
// believes X-Forwarded-For as far as the engine's trusted proxies have written it.
func WithAddress(c *gin.Context) {
	c.Request = c.Request.WithContext(access.NewAddressContext(c.Request.Context(), c.ClientIP()))
}
