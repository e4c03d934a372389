package ginapi

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
)

// NewEngine returns the engine that all inbound adapters register on. Its
// middleware measures and logs requests, recovers from panics and refuses web
// pages of other origins (guard). Unknown paths are answered with a JSON 404.
//
// Nothing here wraps the response writer, compresses or buffers: a stream can
// flush, set deadlines and take the connection over (rule G7).
//
// gin's mode is global to the process; NewEngine sets it to release, so that
// gin prints nothing.
func NewEngine(log *slog.Logger, metrics *HTTPMetrics, guard *Guard) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false // "/api/tasks/" is another path, and a 404 (rule S4)
	e.HandleMethodNotAllowed = true // gin adds Allow
	e.UseRawPath = true             // an escaped slash is no slash
	e.Use(metrics.measure, logAccess(log), recoverPanic(log), guard.use(log))
	e.NoRoute(refuse(log, http.StatusNotFound, "NOT_FOUND", "there is nothing at this path"))
	e.NoMethod(refuse(log, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "this path does not take this method; see Allow"))
	return e
}

func refuse(log *slog.Logger, status int, code, message string) gin.HandlerFunc {
	err := &ginjson.Error{Status: status, Code: code, Message: message}
	return func(c *gin.Context) { ginjson.Abort(c, log, err) }
}
