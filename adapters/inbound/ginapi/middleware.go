package ginapi

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
)

// logAccess logs every request at debug level, without its query string, which
// can hold the callback's secret.
func logAccess(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !log.Enabled(c.Request.Context(), slog.LevelDebug) {
			return // gin goes on by itself
		}
		begin := time.Now()
		defer func() {
			log.DebugContext(c.Request.Context(), "request answered",
				slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path),
				slog.Int("status", c.Writer.Status()), slog.Duration("took", time.Since(begin)))
		}()
		c.Next()
	}
}

// recoverPanic makes a handler's panic a 500, and its stack a log entry. If part
// of another answer is out already, it cuts the connection, so that no client takes
// that part for the whole.
func recoverPanic(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause) // a handler's way to cut the connection
			}
			log.ErrorContext(c.Request.Context(), "handler panicked", slog.String("method", c.Request.Method),
				slog.String("route", c.FullPath()), slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			answerPanic(c)
		}()
		c.Next()
	}
}

func answerPanic(c *gin.Context) {
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	clear(c.Writer.Header()) // they were meant for another answer
	status, code, message := ginjson.Classify(errors.New("handler panicked"))
	c.AbortWithStatusJSON(status, ginjson.Body{Error: ginjson.Detail{Code: code, Message: message}})
}
