package ginjson

import (
	"errors"
	"net/http"

	"heliograph/adapters/http/httpserver"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// retryAfter returns how long a client should wait before it tries again, in
// seconds; 0 for an answer that stays the same. Two seconds are long enough to
// matter when many come back at once, and short enough for a person.
func retryAfter(status int) int {
	if status == http.StatusServiceUnavailable {
		return 2
	}
	return 0
}

// Classify returns an error's status, code and message for the client. What no
// client can cause is a 500 whose text is for the log only.
func Classify(err error) (status int, code, message string) {
	if own, ok := errors.AsType[*Error](err); ok {
		return own.Status, own.Code, own.Message
	}
	for _, m := range meanings {
		if errors.Is(err, m.sentinel) {
			return m.status, m.code, m.text(err)
		}
	}
	return http.StatusInternalServerError, "INTERNAL_ERROR", "something went wrong on the server; its log says what"
}

// meaning is what an error of the domain means to a client.
type meaning struct {
	sentinel error
	status   int
	code     string
}

// text returns all that err says if that is about the request, or about the
// version source (rule V6 wants its reason). The cause of any other 503 speaks
// of our insides.
func (m meaning) text(err error) string {
	if m.status < http.StatusInternalServerError || errors.Is(m.sentinel, version.ErrUnavailable) {
		return err.Error()
	}
	return m.sentinel.Error()
}

// meanings maps the domain's errors to answers; the first that matches counts.
// A test holds it against every sentinel of the domain.
var meanings = []meaning{
	{httpserver.ErrBusy, http.StatusServiceUnavailable, "BUSY"},

	{connection.ErrInvalidRequestID, http.StatusBadRequest, "INVALID_REQUEST_ID"},
	{connection.ErrTokenTaken, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{connection.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{connection.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},

	{task.ErrNotFound, http.StatusNotFound, "TASK_NOT_FOUND"},
	{task.ErrNotCancellable, http.StatusNotFound, "TASK_NOT_CANCELLABLE"},
	{task.ErrNotFinished, http.StatusNotFound, "TASK_NOT_FINISHED"},
	{task.ErrUnknownType, http.StatusBadRequest, "UNKNOWN_TASK_TYPE"},
	{task.ErrInvalidParams, http.StatusBadRequest, "INVALID_PARAMS"},
	{task.ErrInvalidCursor, http.StatusBadRequest, "INVALID_CURSOR"},
	{task.ErrQueueFull, http.StatusServiceUnavailable, "QUEUE_FULL"},
	{task.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{task.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{task.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	{task.ErrLeaseLost, http.StatusConflict, "LEASE_LOST"},

	{version.ErrInvalid, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{version.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{version.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{version.ErrUnavailable, http.StatusServiceUnavailable, "VERSION_UNAVAILABLE"},

	{event.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{event.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	{event.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{gateway.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
}
