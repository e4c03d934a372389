package bootstrap

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/inbound/ginapi"
)

// adminServer answers on ADMIN_ADDR: metrics, profiles and the probes, for the network of
// operators (rule A10). Its handler is set before it serves.
type adminServer struct{ handler http.Handler }

// ServeHTTP implements http.Handler.
func (a *adminServer) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// newAdminHandler returns engine with what the admin address answers.
func newAdminHandler(engine *gin.Engine, api *ginapi.API, metrics http.Handler) http.Handler {
	api.RegisterProbes(engine)
	ginapi.RegisterMetrics(engine, metrics)
	ginapi.RegisterProfiling(engine)
	return engine
}

// maxAdminConnections is enough for a few scrapers and operators.
const maxAdminConnections = 64

// adminComponents has the admin address be served until the process ends, if there is
// one.
func adminComponents(cfg Config, admin *adminServer, log *slog.Logger) []component {
	if cfg.HTTP.AdminAddr == "" {
		return nil
	}
	server := httpserver.New(httpserver.Config{Variable: "ADMIN_ADDR", Addr: cfg.HTTP.AdminAddr, MaxConnections: maxAdminConnections}, admin, log)
	return []component{{
		Name: "admin server", Phase: phaseProcess,
		Start: func(ctx context.Context) error {
			if err := server.Listen(ctx); err != nil {
				return err
			}
			log.InfoContext(ctx, "listening for operators", slog.String("addr", server.Addr().String()))
			return nil
		},
		Serve: func(ctx context.Context) error {
			end := context.AfterFunc(ctx, func() {
				ended, cancel := context.WithCancel(context.WithoutCancel(ctx))
				cancel() // nobody waits for a profile any more
				_ = server.Shutdown(ended)
			})
			defer end()
			return server.Serve(ctx)
		},
	}}
}
