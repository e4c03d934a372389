package ginjson

import (
	"net/http"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// meanings maps the domain's errors to answers; the first that matches counts.
// A test holds it against every sentinel of the domain.
var meanings = []struct {
	sentinel error
	status   int
	code     string
}{
	{connection.ErrInvalidRequestID, http.StatusBadRequest, "INVALID_REQUEST_ID"},
	{connection.ErrTokenTaken, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{connection.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},

	{task.ErrNotFound, http.StatusNotFound, "TASK_NOT_FOUND"},
	{task.ErrNotCancellable, http.StatusNotFound, "TASK_NOT_CANCELLABLE"},
	{task.ErrNotFinished, http.StatusNotFound, "TASK_NOT_FINISHED"},
	{task.ErrUnknownType, http.StatusBadRequest, "UNKNOWN_TASK_TYPE"},
	{task.ErrInvalidParams, http.StatusBadRequest, "INVALID_PARAMS"},
	{task.ErrInvalidCursor, http.StatusBadRequest, "INVALID_CURSOR"},
	{task.ErrQueueFull, http.StatusServiceUnavailable, "QUEUE_FULL"},
	{task.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},

	{version.ErrInvalid, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{version.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{version.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{version.ErrUnavailable, http.StatusServiceUnavailable, "VERSION_UNAVAILABLE"},

	{event.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	{event.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{gateway.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
}
