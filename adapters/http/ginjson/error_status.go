package ginjson

import (
	"errors"
	"math"
	"net/http"

	"heliograph/adapters/http/httpserver"
	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// retryAfter returns how long a client should wait before it tries again, in
// seconds; 0 for an answer that stays the same. Two seconds are long enough to
// matter when many come back at once, and short enough for a person.
func retryAfter(err error, status int) int {
	if limited, ok := errors.AsType[*access.LimitError](err); ok {
		return max(1, int(math.Ceil(limited.RetryAfter.Seconds())))
	}
	if status == http.StatusServiceUnavailable {
		return 2
	}
	return 0
}

// Classify returns an error's status, code and message for the client. An error
// that is not in the table is a 500 whose text must only be logged.
func Classify(err error) (status int, code, message string) {
	if own, ok := errors.AsType[*Error](err); ok {
		return own.Status, own.Code, own.Message
	}
	if refused, ok := errors.AsType[*access.RefusedError](err); ok {
		return http.StatusUnauthorized, string(refused.Code), refused.Error()
	}
	if forbidden, ok := errors.AsType[*access.ForbiddenError](err); ok {
		return http.StatusForbidden, "FORBIDDEN", forbidden.Error()
	}
	if limited, ok := errors.AsType[*access.LimitError](err); ok {
		return http.StatusTooManyRequests, "TOO_MANY_REQUESTS", limited.Error()
	}
	for _, m := range errorStatuses {
		if errors.Is(err, m.sentinel) {
			return m.status, m.code, m.text(err)
		}
	}
	return http.StatusInternalServerError, "INTERNAL_ERROR", "something went wrong on the server; its log says what"
}

// errorStatus is a row of the table: how an error is answered.
type errorStatus struct {
	sentinel error
	status   int
	code     string
}

// text returns the message for the client: all of err's text if that is about the
// request or the version source (rule V6). The causes of other 503s are internal.
func (m errorStatus) text(err error) string {
	if m.status < http.StatusInternalServerError || errors.Is(m.sentinel, version.ErrUnavailable) {
		return err.Error()
	}
	return m.sentinel.Error()
}

// errorStatuses is the table: the first row that matches counts. A test checks it
// against every error that the domain defines.
var errorStatuses = []errorStatus{
	{httpserver.ErrBusy, http.StatusServiceUnavailable, "BUSY"},

	{access.ErrNoCredential, http.StatusUnauthorized, "UNAUTHORIZED"},
	{access.ErrUnavailable, http.StatusServiceUnavailable, "AUTH_UNAVAILABLE"},
	{access.ErrInvalidAudience, http.StatusBadRequest, "INVALID_AUDIENCE"},

	{connection.ErrInvalidRequestID, http.StatusBadRequest, "INVALID_REQUEST_ID"},
	{connection.ErrTokenTaken, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{connection.ErrNotFound, http.StatusNotFound, "UNKNOWN_CONNECTION"},
	{connection.ErrRequestIDTaken, http.StatusForbidden, "REQUEST_ID_TAKEN"},
	{connection.ErrOtherPrincipal, http.StatusConflict, "OTHER_PRINCIPAL"},
	{connection.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{connection.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},

	{task.ErrNotFound, http.StatusNotFound, "TASK_NOT_FOUND"},
	{task.ErrNotCancellable, http.StatusNotFound, "TASK_NOT_CANCELLABLE"},
	{task.ErrNotFinished, http.StatusNotFound, "TASK_NOT_FINISHED"},
	{task.ErrUnknownType, http.StatusBadRequest, "UNKNOWN_TASK_TYPE"},
	{task.ErrNotClaimable, http.StatusBadRequest, "TASK_TYPE_NOT_CLAIMABLE"},
	{task.ErrInvalidParams, http.StatusBadRequest, "INVALID_PARAMS"},
	{task.ErrInvalidLabels, http.StatusBadRequest, "INVALID_LABELS"},
	{task.ErrInvalidRunAt, http.StatusBadRequest, "INVALID_RUN_AT"},
	{task.ErrNoFilter, http.StatusBadRequest, "FILTER_REQUIRED"},
	{diagnosis.ErrUnknown, http.StatusNotFound, "UNKNOWN_REQUEST_ID"},
	{diagnosis.ErrInvalidCursor, http.StatusBadRequest, "INVALID_CURSOR"},
	{task.ErrInvalidCursor, http.StatusBadRequest, "INVALID_CURSOR"},
	{task.ErrQueueFull, http.StatusServiceUnavailable, "QUEUE_FULL"},
	{task.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{task.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{task.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	{task.ErrLeaseLost, http.StatusConflict, "LEASE_LOST"},

	{output.ErrWrongOffset, http.StatusConflict, "WRONG_OFFSET"},
	{output.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{output.ErrInvalidUTF8, http.StatusBadRequest, "INVALID_UTF8"},
	{output.ErrTooMany, http.StatusConflict, "TOO_MANY_FOLLOWED"},
	{output.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{output.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},

	{version.ErrInvalid, http.StatusBadRequest, "INVALID_PAYLOAD"},
	{version.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{version.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{version.ErrUnavailable, http.StatusServiceUnavailable, "VERSION_UNAVAILABLE"},

	{appevent.ErrInvalidName, http.StatusBadRequest, "INVALID_EVENT_NAME"},
	{appevent.ErrUnderWay, http.StatusConflict, "IDEMPOTENCY_KEY_IN_USE"},
	{appevent.ErrShuttingDown, http.StatusServiceUnavailable, "SHUTTING_DOWN"},

	{event.ErrInvalidID, http.StatusBadRequest, "INVALID_CURSOR"},
	{event.ErrTooLarge, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},
	{event.ErrUnavailable, http.StatusServiceUnavailable, "BROKER_UNAVAILABLE"},
	{event.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
	{gateway.ErrClosed, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
}
