// Package gatewayrole serves the SSE gateway's wire protocol over gin
// (gateway-protocol): a stream on any path, for which the backend is asked, and
// the endpoints where the backend pushes. The streams are the engine's.
package gatewayrole

import (
	"crypto/sha256"
	"errors"
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
	secret   [32]byte // SHA-256 of cfg.Secret, so that comparing takes the same time for any length
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
	return &Gateway{
		cfg: cfg, secret: sha256.Sum256([]byte(cfg.Secret)), engine: engine, streams: ssegateway.New(engine),
		opener: streamhttp.NewOpener(engine.Interval()), relay: relay, log: log,
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
			e.Any(path, g.notHere)
		}
		g.registerHealth(e)
	} else {
		e.Use(allowOrigins)
		g.registerHealth(e)
		g.registerInternal(e)
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
	g.registerInternal(e)
	e.GET("/metrics", gin.WrapH(metrics))
	e.NoRoute(g.notHere)
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

func (g *Gateway) registerInternal(r gin.IRouter) {
	r.POST(sendPath, g.internal(g.send))
	if g.cfg.Plain {
		r.Any(broadcastPath, g.notHere)
		r.Any(connectionsPath, g.notHere)
		return
	}
	r.POST(broadcastPath, g.internal(g.broadcast))
	r.GET(connectionsPath, g.internal(g.connections))
}

func (g *Gateway) notHere(c *gin.Context) {
	ginjson.Abort(c, g.log, &ginjson.Error{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "there is nothing at this path"})
}

func (g *Gateway) wrongMethod(c *gin.Context) {
	ginjson.Abort(c, g.log, &ginjson.Error{
		Status: http.StatusMethodNotAllowed, Code: "METHOD_NOT_ALLOWED", Message: "this path does not take this method; see Allow",
	})
}

// abort answers with an error. A 500 of the protocol (WRITE_FAILED) is caused by a
// client, so it is not logged as a failure of the gateway.
func (g *Gateway) abort(c *gin.Context, err error) {
	if known, ok := errors.AsType[*ginjson.Error](err); ok && known.Status == http.StatusInternalServerError {
		c.AbortWithStatusJSON(known.Status, ginjson.Body{Error: ginjson.Detail{Code: known.Code, Message: known.Message}})
		return
	}
	ginjson.Abort(c, g.log, err)
}
