// Package gatewayrole serves the SSE gateway's wire protocol over gin
// (gateway-protocol): a stream on any path, for which the backend is asked, and
// the endpoints where the backend pushes. The streams are the engine's.
package gatewayrole

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/http/streamhttp"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Config is what a Gateway needs to know.
type Config struct {
	// Format must be the engine's.
	Format wire.Format
	// Configured says that there is a backend, for GET /readyz.
	Configured bool
	// Secret is what requests to /internal must carry in X-Internal-Secret; "" asks
	// for none.
	Secret string
	// Separate says that InternalHandler is served at an address of its own: then
	// Handler does not have the /internal endpoints.
	Separate bool
	// Plain leaves the extensions of the protocol out, so that the gateway is like
	// one without them.
	Plain bool
}

// Gateway holds the endpoints. It is safe for concurrent use.
type Gateway struct {
	cfg      Config
	internal internal
	engine   *sse.Engine
	streams  *ssegateway.Gateway
	opener   *streamhttp.Opener
	relay    gateway.Relay
	log      *slog.Logger
	draining atomic.Bool
}

// New returns the endpoints. engine must have no streams. From now on the engine reports the ends of streams
// whose sockets it took over to relay.
func New(cfg Config, engine *sse.Engine, relay gateway.Relay, log *slog.Logger) *Gateway {
	engine.OnEnd(func(token connection.Token, reason connection.Reason) { relay.End(token, reason) })
	streams := ssegateway.New(engine)
	return &Gateway{
		cfg: cfg, engine: engine, streams: streams,
		internal: internal{plain: cfg.Plain, open: cfg.Secret == "", secret: sha256.Sum256([]byte(cfg.Secret)), streams: streams, relay: relay, log: log},
		opener:   streamhttp.NewOpener(engine.Interval()), relay: relay, log: log,
	}
}

// Drain makes the gateway unready for good. It may be called twice.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Handler returns what browsers see, and all there is unless Config.Separate.
//
// gin's mode is global to the process; it is set to release, so that gin prints
// nothing.
func (g *Gateway) Handler() http.Handler {
	e := newRouter()
	e.Use(preflight)
	if g.cfg.Separate {
		for _, path := range []string{sendPath, broadcastPath, connectionsPath} {
			e.Any(path, notHere(g.log))
		}
		g.registerHealth(e)
	} else {
		e.Use(allowOrigins)
		g.registerHealth(e)
		g.internal.register(e)
	}
	e.NoRoute(allowOrigins, g.stream)
	e.NoMethod(g.wrongMethod)
	return httpserver.WithProbes(e)
}

// InternalHandler returns what the backend and operators see with
// Config.Separate.
func (g *Gateway) InternalHandler(metrics http.Handler) http.Handler {
	e := newRouter()
	g.registerHealth(e)
	g.internal.register(e)
	e.GET("/metrics", gin.WrapH(metrics))
	e.NoRoute(notHere(g.log))
	e.NoMethod(g.wrongMethod)
	return httpserver.WithProbes(e)
}

// noSniffing keeps browsers from taking an answer for something else.
func noSniffing(c *gin.Context) { c.Header("X-Content-Type-Options", "nosniff") }

func newRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false // any path that is not ours is a stream's
	e.HandleMethodNotAllowed = true // gin adds Allow
	e.UseRawPath = true             // an escaped slash is no slash
	e.Use(noSniffing)
	return e
}

func (g *Gateway) registerHealth(r gin.IRouter) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Handle(method, paths.Health, g.health)
		r.Handle(method, paths.Ready, g.ready)
	}
}

// notHere answers where there is nothing.
func notHere(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) { ginjson.Abort(c, log, errNotHere) }
}

var errNotHere = &ginjson.Error{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "there is nothing at this path"}

func (g *Gateway) wrongMethod(c *gin.Context) {
	ginjson.Abort(c, g.log, &ginjson.Error{
		Status: http.StatusMethodNotAllowed, Code: "METHOD_NOT_ALLOWED", Message: "this path does not take this method; see Allow",
	})
}
