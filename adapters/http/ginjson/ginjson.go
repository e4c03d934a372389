// Package ginjson is what the gin adapters share: reading JSON bodies, and the one
// table that turns errors into status, code and Retry-After (error_status.go;
// http-api: errors are {"error": {"code", "message", "details"?}}).
package ginjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/httpserver"
	"heliograph/domain/access"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

// MaxBody is the most that a request body may hold, in bytes: the gateway
// protocol's limit, used wherever nothing else is said.
const MaxBody = gateway.MaxBody

// Body is the JSON of every error.
type Body struct {
	Error Detail `json:"error"`
}

// Detail is what went wrong: a code for programs, a message for a person.
type Detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

// Error is an answer that an inbound adapter decides on, such as the one to a body
// that is not JSON. Its message goes to the client.
type Error struct {
	Status  int
	Code    string
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Abort answers with err's status, code and message, and ends the handler chain.
// An error that is not in the table becomes a 500, and its text goes to the log
// only.
func Abort(c *gin.Context, log *slog.Logger, err error) {
	status, code, message := Classify(err)
	if status == http.StatusInternalServerError {
		log.Log(c.Request.Context(), levelOf(c, err), "request failed", slog.String("method", c.Request.Method),
			slog.String("route", c.FullPath()), slog.Any("error", err))
	}
	if seconds := retryAfter(err, status); seconds > 0 {
		c.Header("Retry-After", strconv.Itoa(seconds))
	}
	detail := Detail{Code: code, Message: message}
	if forbidden, ok := errors.AsType[*access.ForbiddenError](err); ok && forbidden.Missing != "" {
		detail.Details = map[string]string{"scope": forbidden.Missing}
	}
	if wrong, ok := errors.AsType[*output.OffsetError](err); ok {
		detail.Details = map[string]int64{"offset": wrong.Length}
	}
	challenge(c, err)
	ForbidSniffing(c)
	c.AbortWithStatusJSON(status, Body{detail})
}

// ForbidSniffing keeps browsers from taking the answer for something else than its
// Content-Type says. Abort does so, too.
func ForbidSniffing(c *gin.Context) { c.Header("X-Content-Type-Options", "nosniff") }

// challenge says how to authenticate, if that is what err asks for (rule A9; RFC 6750,
// section 3).
func challenge(c *gin.Context, err error) {
	if _, refused := errors.AsType[*access.RefusedError](err); refused {
		c.Header("WWW-Authenticate", `Bearer realm="heliograph", error="invalid_token"`)
	} else if errors.Is(err, access.ErrNoCredential) {
		c.Header("WWW-Authenticate", `Bearer realm="heliograph"`)
	}
}

// levelOf returns the level at which a 500 is logged: debug if the error only says
// that the client has disconnected.
func levelOf(c *gin.Context, err error) slog.Level {
	if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// Read returns the request's body: one JSON value of at most MaxBody bytes.
// Errors: *Error with MISSING_BODY, INVALID_JSON or PAYLOAD_TOO_LARGE, and
// httpserver.ErrBusy.
func Read(c *gin.Context) (json.RawMessage, error) { return ReadUpTo(c, MaxBody) }

// ReadRepeated is Read for endpoints that others have defined, to which a field
// that comes twice is no mistake.
func ReadRepeated(c *gin.Context) (json.RawMessage, error) { return read(c, MaxBody, true) }

// ReadUpTo is Read for a body of at most limit bytes.
func ReadUpTo(c *gin.Context, limit int64) (json.RawMessage, error) { return read(c, limit, false) }

func read(c *gin.Context, limit int64, repeated bool) (json.RawMessage, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: "PAYLOAD_TOO_LARGE", Message: fmt.Sprintf("the body is larger than %d bytes", limit)}
	}
	if errors.Is(err, httpserver.ErrBusy) {
		return nil, err
	}
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Code: "INVALID_JSON", Message: "the body could not be read to its end"}
	}
	if len(body) == 0 {
		return nil, &Error{Status: http.StatusBadRequest, Code: "MISSING_BODY", Message: "the request has no body; JSON is expected"}
	}
	if !valid(body, repeated) {
		return nil, &Error{Status: http.StatusBadRequest, Code: "INVALID_JSON", Message: "the body is not valid JSON in UTF-8, or has a field twice"}
	}
	return body, nil
}

// RefuseOrigin refuses a request that a web page makes: for paths that only
// programs use (rule S5). Errors: *Error with CROSS_ORIGIN.
func RefuseOrigin(c *gin.Context) error {
	if _, found := c.Request.Header["Origin"]; !found {
		return nil
	}
	return &Error{Status: http.StatusForbidden, Code: "CROSS_ORIGIN", Message: "this path is for programs, and no web page may use it"}
}

// InvalidPayload says that a body is JSON, but not what is expected.
func InvalidPayload(message string) error {
	return &Error{Status: http.StatusBadRequest, Code: "INVALID_PAYLOAD", Message: message}
}
