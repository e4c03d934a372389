package ginapi_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/domain/appevent"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// conversation is one request, what the ports say to it, and the outcome: method,
// path, status, and an error's code.
type conversation struct {
	outcome string
	query   string
	// requestID is the one in the path; "" is r1.
	requestID string
	body      string
	header    []string
	given     func(*service)
}

// connection is the request_id in the path.
func (c conversation) connection() string { return cmp.Or(c.requestID, "r1") }

const (
	goodVersion  = `{"version":"1.4.2","request_id":"abc123"}`
	goodAppEvent = `{"name":"order.changed","data":{"id":4711}}`

	goodTest = `{"task_type":"demo_task"}`
	goodTask = `{"type":"demo_task"}`

	goodClaim    = `{"types":["resize"]}`
	goodProgress = `{"lease":"l1","value":0.5}`
	goodResult   = `{"lease":"l1","result":{"rows":3}}`
	goodFailure  = `{"lease":"l1","error":"no such file"}`
	goodRelease  = `{"lease":"l1"}`
)

var tooLarge = `{"version":"` + strings.Repeat("x", 1<<20) + `"}`

var hugeResult = `{"lease":"l1","result":"` + strings.Repeat("x", 16<<20) + `"}`

var claim = task.Claim{
	Task:  task.Task{ID: knownID, Type: "resize", Params: json.RawMessage(`{"width":300}`), Attempt: 2},
	Lease: "l1", Term: 30 * time.Second,
}

// leasedToStarter is a task that was started to be run by the caller.
var leasedToStarter = task.Task{ID: knownID, Status: task.Running, Lease: "l1", Term: 30 * time.Second}

// conversations has every outcome that openapi.yaml describes.
var conversations = []conversation{
	{outcome: "POST /api/tasks 202", body: goodTask, given: started(pending(knownID), nil)},
	{outcome: "POST /api/tasks 400 MISSING_BODY"},
	{outcome: "POST /api/tasks 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/tasks 400 INVALID_PAYLOAD", body: `{}`},
	{outcome: "POST /api/tasks 400 INVALID_PARAMS", body: `{"type":"demo_task","params":[]}`},
	{outcome: "POST /api/tasks 400 UNKNOWN_TASK_TYPE", body: goodTask, given: started(task.Task{}, task.ErrUnknownType)},
	{outcome: "POST /api/tasks 400 INVALID_IDEMPOTENCY_KEY", body: goodTask, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}},
	{outcome: "POST /api/tasks 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/tasks 413 PAYLOAD_TOO_LARGE", body: goodTask, given: started(task.Task{}, task.ErrTooLarge)},
	{outcome: "POST /api/tasks 503 SHUTTING_DOWN", body: goodTask, given: started(task.Task{}, task.ErrShuttingDown)},
	{outcome: "POST /api/tasks 503 QUEUE_FULL", body: goodTask, given: started(task.Task{}, fmt.Errorf("start: %w", task.ErrQueueFull))},
	{outcome: "POST /api/tasks 503 BROKER_UNAVAILABLE", body: goodTask, given: started(task.Task{}, task.ErrUnavailable)},

	{outcome: "POST /api/tasks 202", body: `{"type":"resize","claim":true}`, given: started(leasedToStarter, nil)},
	{outcome: "POST /api/tasks 400 TASK_TYPE_NOT_CLAIMABLE", body: `{"type":"demo_task","claim":true}`, given: started(task.Task{}, task.ErrNotClaimable)},
	{outcome: "POST /api/tasks 400 INVALID_LABELS", body: `{"type":"demo_task","labels":["exports"]}`},
	{outcome: "POST /api/tasks 400 INVALID_RUN_AT", body: `{"type":"demo_task","run_at":"2030-01-02T03:04:05Z","delay":1}`},
	{outcome: "POST /api/tasks 400 INVALID_LABELS", body: `{"type":"demo_task","labels":{"":""}}`, given: started(task.Task{}, task.ErrInvalidLabels)},
	{outcome: "POST /api/tasks 400 INVALID_AUDIENCE", body: `{"type":"demo_task","audience":{}}`},

	{outcome: "POST /api/sse/ticket 200", given: ticketed("RTS5ZFGEWWQKHKF3PKCYDTH6YA")},
	{outcome: "POST /api/subjects/{subject}/revoke 200", given: revoked},
	{outcome: "POST /api/subjects/{subject}/revoke 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/subjects/{subject}/revoke 400 INVALID_PAYLOAD", body: `{"jti":1}`},
	{outcome: "POST /api/subjects/{subject}/revoke 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/connections/disconnect 200", body: `{"request_id":"r1"}`, given: revoked},
	{outcome: "POST /api/connections/disconnect 400 MISSING_BODY"},
	{outcome: "POST /api/connections/disconnect 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/connections/disconnect 400 INVALID_PAYLOAD", body: `{}`},
	{outcome: "POST /api/connections/disconnect 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/connections/{request_id}/credential 200", given: renewed(nil)},
	{outcome: "POST /api/connections/{request_id}/credential 400 INVALID_REQUEST_ID", requestID: "a:b", given: renewed(nil)},
	{outcome: "POST /api/connections/{request_id}/credential 404 UNKNOWN_CONNECTION", given: renewed(connection.ErrNotFound)},
	{outcome: "POST /api/connections/{request_id}/credential 409 OTHER_PRINCIPAL", given: renewed(connection.ErrOtherPrincipal)},
	{outcome: "POST /api/connections/{request_id}/credential 503 BROKER_UNAVAILABLE", given: renewed(connection.ErrUnavailable)},

	{outcome: "GET /api/tasks 200", given: listed(nil, "", nil)},
	{outcome: "GET /api/tasks 400 INVALID_QUERY", query: "?limit=0"},
	{outcome: "GET /api/tasks 400 INVALID_CURSOR", query: "?cursor=x", given: listed(nil, "", task.ErrInvalidCursor)},

	{outcome: "GET /api/tasks/{id} 200", given: got(pending(knownID), nil)},
	{outcome: "GET /api/task-types 400 INVALID_QUERY", query: "?include=results"},
	{outcome: "GET /api/tasks/{id} 400 INVALID_QUERY", query: "?include=lease"},
	{outcome: "GET /api/tasks/{id}/status 400 INVALID_QUERY", query: "?include=lease"},
	{outcome: "GET /api/tasks/{id} 404 TASK_NOT_FOUND", given: got(task.Task{}, task.ErrNotFound)},
	{outcome: "GET /api/tasks/{id}/status 200", given: got(pending(knownID), nil)},
	{outcome: "GET /api/tasks/{id}/status 404 TASK_NOT_FOUND", given: got(task.Task{}, task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/cancel 200", given: cancelled(pending(knownID), nil)},
	{outcome: "POST /api/tasks/{id}/cancel 404 TASK_NOT_FOUND", given: cancelled(task.Task{}, task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/cancel 404 TASK_NOT_CANCELLABLE", given: cancelled(task.Task{}, task.ErrNotCancellable)},
	{outcome: "DELETE /api/tasks/{id} 200", given: removed(nil)},
	{outcome: "DELETE /api/tasks/{id} 404 TASK_NOT_FOUND", given: removed(task.ErrNotFound)},
	{outcome: "DELETE /api/tasks/{id} 404 TASK_NOT_FINISHED", given: removed(task.ErrNotFinished)},
	{outcome: "POST /api/tasks/cancel 200", query: "?status=pending", given: allCancelled(3, nil)},
	{outcome: "POST /api/tasks/cancel 400 FILTER_REQUIRED"},
	{outcome: "POST /api/tasks/cancel 400 INVALID_QUERY", query: "?status=done"},
	{outcome: "GET /api/task-types 200", given: func(s *service) { s.reader.EXPECT().Types(gomock.Any()) }},

	{outcome: "POST /api/workers/claim 200", body: goodClaim, given: claimedBy(claim, nil)},
	{outcome: "POST /api/workers/claim 204", body: goodClaim, given: claimedBy(task.Claim{}, task.ErrNoTask)},
	{outcome: "POST /api/workers/claim 400 MISSING_BODY"},
	{outcome: "POST /api/workers/claim 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/workers/claim 400 INVALID_PAYLOAD", body: `{"types":[]}`},
	{outcome: "POST /api/workers/claim 400 UNKNOWN_TASK_TYPE", body: goodClaim, given: claimedBy(task.Claim{}, task.ErrUnknownType)},
	{outcome: "POST /api/workers/claim 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/workers/claim 503 SHUTTING_DOWN", body: goodClaim, given: claimedBy(task.Claim{}, task.ErrShuttingDown)},

	{outcome: "POST /api/tasks/{id}/progress 200", body: goodProgress, given: progressed(nil)},
	{outcome: "POST /api/tasks/{id}/progress 400 MISSING_BODY"},
	{outcome: "POST /api/tasks/{id}/progress 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/tasks/{id}/progress 400 INVALID_PAYLOAD", body: `{"lease":""}`},
	{outcome: "POST /api/tasks/{id}/progress 404 TASK_NOT_FOUND", body: goodProgress, given: progressed(task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/progress 409 LEASE_LOST", body: goodProgress, given: progressed(task.ErrLeaseLost)},
	{outcome: "POST /api/tasks/{id}/progress 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/tasks/{id}/complete 200", body: goodResult, given: completed(nil)},
	{outcome: "POST /api/tasks/{id}/complete 400 MISSING_BODY"},
	{outcome: "POST /api/tasks/{id}/complete 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/tasks/{id}/complete 400 INVALID_PAYLOAD", body: `{"lease":""}`},
	{outcome: "POST /api/tasks/{id}/complete 404 TASK_NOT_FOUND", body: goodResult, given: completed(task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/complete 409 LEASE_LOST", body: goodResult, given: completed(task.ErrLeaseLost)},
	{outcome: "POST /api/tasks/{id}/complete 413 PAYLOAD_TOO_LARGE", body: hugeResult, given: leased("l1")},
	{outcome: "POST /api/tasks/{id}/complete 413 PAYLOAD_TOO_LARGE", body: goodResult, given: completed(task.ErrTooLarge)},
	{outcome: "POST /api/tasks/{id}/fail 200", body: goodFailure, given: failed(nil)},
	{outcome: "POST /api/tasks/{id}/fail 400 MISSING_BODY"},
	{outcome: "POST /api/tasks/{id}/fail 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/tasks/{id}/fail 400 INVALID_PAYLOAD", body: `{"lease":""}`},
	{outcome: "POST /api/tasks/{id}/fail 404 TASK_NOT_FOUND", body: goodFailure, given: failed(task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/fail 409 LEASE_LOST", body: goodFailure, given: failed(task.ErrLeaseLost)},
	{outcome: "POST /api/tasks/{id}/fail 413 PAYLOAD_TOO_LARGE", body: tooLarge},

	{outcome: "POST /api/tasks/{id}/release 200", body: goodRelease, given: released(nil)},
	{outcome: "POST /api/tasks/{id}/release 400 MISSING_BODY"},
	{outcome: "POST /api/tasks/{id}/release 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/tasks/{id}/release 400 INVALID_PAYLOAD", body: `{"lease":""}`},
	{outcome: "POST /api/tasks/{id}/release 404 TASK_NOT_FOUND", body: goodRelease, given: released(task.ErrNotFound)},
	{outcome: "POST /api/tasks/{id}/release 409 LEASE_LOST", body: goodRelease, given: released(task.ErrLeaseLost)},
	{outcome: "POST /api/tasks/{id}/release 413 PAYLOAD_TOO_LARGE", body: tooLarge},

	{outcome: "POST /api/versions 202", body: goodVersion, given: announced(nil)},
	{outcome: "POST /api/versions 400 MISSING_BODY"},
	{outcome: "POST /api/versions 400 INVALID_JSON", body: `version`},
	{outcome: "POST /api/versions 400 INVALID_PAYLOAD", body: `[]`},
	{outcome: "POST /api/versions 400 INVALID_REQUEST_ID", body: `{"version":"1","request_id":"task:abc"}`},
	{outcome: "POST /api/versions 413 PAYLOAD_TOO_LARGE", body: goodVersion, given: announced(version.ErrTooLarge)}, // E8
	{outcome: "POST /api/versions 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/versions 503 SHUTTING_DOWN", body: goodVersion, given: announced(version.ErrShuttingDown)}, // V7
	{outcome: "POST /api/versions 503 BROKER_UNAVAILABLE", body: goodVersion, given: announced(event.ErrUnavailable)},
	{outcome: "GET /api/version 200", given: current(`{"version":"1.4.2"}`, nil)},
	{outcome: "GET /api/version 503 VERSION_UNAVAILABLE", given: current("", version.ErrUnavailable)}, // V6

	{outcome: "POST /api/events 202", body: goodAppEvent, given: published(appevent.Receipt{ID: event.ID{Epoch: "e", Seq: 7}, Delivered: true}, nil)},
	{outcome: "POST /api/events 400 MISSING_BODY"},
	{outcome: "POST /api/events 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/events 400 INVALID_PAYLOAD", body: `{"name":"note"}`},
	{outcome: "POST /api/events 400 INVALID_EVENT_NAME", body: `{"name":"ping","data":1}`},
	{outcome: "POST /api/events 400 INVALID_AUDIENCE", body: `{"name":"note","data":1,"audience":"nobody"}`},
	{outcome: "POST /api/events 400 INVALID_REQUEST_ID", body: `{"name":"note","data":1,"request_id":"task:abc"}`},
	{outcome: "POST /api/events 400 INVALID_IDEMPOTENCY_KEY", body: goodAppEvent, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}},
	{outcome: "POST /api/events 409 IDEMPOTENCY_KEY_IN_USE", body: goodAppEvent, given: published(appevent.Receipt{}, appevent.ErrUnderWay)},
	{outcome: "POST /api/events 413 PAYLOAD_TOO_LARGE", body: goodAppEvent, given: published(appevent.Receipt{}, event.ErrTooLarge)}, // E8
	{outcome: "POST /api/events 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/events 503 SHUTTING_DOWN", body: goodAppEvent, given: published(appevent.Receipt{}, appevent.ErrShuttingDown)}, // T15
	{outcome: "POST /api/events 503 BROKER_UNAVAILABLE", body: goodAppEvent, given: published(appevent.Receipt{}, event.ErrUnavailable)},

	{outcome: "GET /healthz 200"},
	{outcome: "GET /readyz 200"},
	{outcome: "GET /readyz 503", given: func(s *service) { s.checks = map[string]error{"broker": errors.New("down")} }},
	{outcome: "GET /metrics 200"},
	{outcome: "HEAD /healthz 200"},
	{outcome: "HEAD /readyz 200"},
	{outcome: "HEAD /readyz 503", given: func(s *service) { s.checks = map[string]error{"broker": errors.New("down")} }},
	{outcome: "HEAD /metrics 200"},
	{outcome: "GET /api/openapi.yaml 200"},

	{outcome: "POST /api/testing/deployments/version 202", body: goodVersion, given: announced(nil)},
	{outcome: "POST /api/testing/deployments/version 400 ROUTE_NOT_AVAILABLE", body: goodVersion},
	{outcome: "POST /api/testing/deployments/version 400 MISSING_BODY"},
	{outcome: "POST /api/testing/deployments/version 400 INVALID_JSON", body: `}`},
	{outcome: "POST /api/testing/deployments/version 400 INVALID_PAYLOAD", body: `{"request_id":"abc123"}`},
	{outcome: "POST /api/testing/deployments/version 400 INVALID_REQUEST_ID", body: `{"version":"1"}`},
	{outcome: "POST /api/testing/deployments/version 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/testing/deployments/version 503 BROKER_UNAVAILABLE", body: goodVersion, given: announced(event.ErrUnavailable)},

	{outcome: "POST /api/testing/sse/task-event 200", body: goodEvent, given: sendsTo("")},
	{outcome: "POST /api/testing/sse/task-event 400 ROUTE_NOT_AVAILABLE", body: goodEvent},
	{outcome: "POST /api/testing/sse/task-event 400 MISSING_BODY"},
	{outcome: "POST /api/testing/sse/task-event 400 INVALID_JSON", body: `}`},
	{outcome: "POST /api/testing/sse/task-event 400 INVALID_PAYLOAD", body: `{}`},
	{outcome: "POST /api/testing/sse/task-event 400 INVALID_REQUEST_ID", body: strings.Replace(goodEvent, "abc123", "a:b", 1)},
	{outcome: "POST /api/testing/sse/task-event 400 UNKNOWN_CONNECTION", body: strings.Replace(goodEvent, "abc123", "other", 1), given: sendsTo("")},
	{outcome: "POST /api/testing/sse/task-event 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/testing/sse/task-event 503 BROKER_UNAVAILABLE", body: goodEvent, given: sendFails(connection.ErrUnavailable)},
	{outcome: "POST /api/testing/sse/task-event 503 SHUTTING_DOWN", body: goodEvent, given: sendFails(gateway.ErrClosed)},
	{outcome: "POST /api/testing/tasks/start 200", body: goodTest, given: started(pending(knownID), nil)},
	{outcome: "POST /api/testing/tasks/start 400 ROUTE_NOT_AVAILABLE", body: goodTest},
	{outcome: "POST /api/testing/tasks/start 400 MISSING_BODY"},
	{outcome: "POST /api/testing/tasks/start 400 INVALID_JSON", body: `{"task_type":}`},
	{outcome: "POST /api/testing/tasks/start 400 INVALID_PAYLOAD", body: `{}`},
	{outcome: "POST /api/testing/tasks/start 400 INVALID_PARAMS", body: `{"task_type":"demo_task","params":1}`},
	{outcome: "POST /api/testing/tasks/start 400 UNKNOWN_TASK_TYPE", body: `{"task_type":"other"}`},
	{outcome: "POST /api/testing/tasks/start 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/testing/tasks/start 503 SHUTTING_DOWN", body: goodTest, given: started(task.Task{}, task.ErrShuttingDown)},
	{outcome: "POST /api/testing/tasks/start 503 QUEUE_FULL", body: goodTest, given: started(task.Task{}, task.ErrQueueFull)},
	{outcome: "POST /api/testing/tasks/start 503 BROKER_UNAVAILABLE", body: goodTest, given: started(task.Task{}, task.ErrUnavailable)},
}

func ticketed(ticket string) func(*service) {
	return func(s *service) {
		s.access.EXPECT().Ticket(gomock.Any(), gomock.Any()).Return(ticket, 30*time.Second, nil)
	}
}

func revoked(s *service) { s.access.EXPECT().Revoke(gomock.Any(), gomock.Any()) }

func renewed(err error) func(*service) {
	return func(s *service) {
		s.caller = user
		s.keeper.EXPECT().Renew(gomock.Any(), gomock.Any(), user).Return(err).AnyTimes()
	}
}

func started(t task.Task, err error) func(*service) {
	return func(s *service) {
		s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).Return(t, err)
	}
}

func listed(page []task.Task, next string, err error) func(*service) {
	return func(s *service) { s.reader.EXPECT().List(gomock.Any(), gomock.Any()).Return(page, next, err) }
}

func got(t task.Task, err error) func(*service) {
	return func(s *service) { s.reader.EXPECT().Get(gomock.Any(), task.ID(knownID)).Return(t, err) }
}

func cancelled(t task.Task, err error) func(*service) {
	return func(s *service) { s.tasks.EXPECT().Cancel(gomock.Any(), task.ID(knownID)).Return(t, err) }
}

func allCancelled(n int, err error) func(*service) {
	return func(s *service) { s.tasks.EXPECT().CancelAll(gomock.Any(), gomock.Any()).Return(n, err) }
}

func removed(err error) func(*service) {
	return func(s *service) { s.tasks.EXPECT().Remove(gomock.Any(), task.ID(knownID)).Return(err) }
}

func claimedBy(c task.Claim, err error) func(*service) {
	return func(s *service) { s.workers.EXPECT().Claim(gomock.Any(), []string{"resize"}, "").Return(c, err) }
}

func progressed(err error) func(*service) {
	return func(s *service) {
		s.workers.EXPECT().Progress(gomock.Any(), task.ID(knownID), task.Lease("l1"), gomock.Any()).Return(false, err)
	}
}

func completed(err error) func(*service) {
	return func(s *service) {
		s.workers.EXPECT().Complete(gomock.Any(), task.ID(knownID), task.Lease("l1"), json.RawMessage(`{"rows":3}`)).Return(err)
	}
}

func released(err error) func(*service) {
	return func(s *service) {
		s.workers.EXPECT().Release(gomock.Any(), task.ID(knownID), task.Lease("l1")).Return(err)
	}
}

func failed(err error) func(*service) {
	return func(s *service) {
		s.workers.EXPECT().Fail(gomock.Any(), task.ID(knownID), task.Lease("l1"), task.Failure{Error: "no such file"}).Return(err)
	}
}

func announced(err error) func(*service) {
	return func(s *service) {
		s.versions.EXPECT().Announce(gomock.Any(), gomock.Any(), gomock.Any()).Return(err)
	}
}

func published(receipt appevent.Receipt, err error) func(*service) {
	return func(s *service) { s.events.EXPECT().Publish(gomock.Any(), gomock.Any()).Return(receipt, err) }
}

func current(payload string, err error) func(*service) {
	return func(s *service) {
		v, _ := version.Parse([]byte(payload)) // "" is the zero Version
		s.versions.EXPECT().Current(gomock.Any()).Return(v, err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %v: %v", v, err)
	}
	return string(text)
}

// taskEvents are events as the domain makes them, and as it must not.
var taskEvents = []struct {
	event task.Event
	valid bool
}{
	{taskEvent(task.EventStarted, nil), true},
	{taskEvent(task.EventStarted, task.Beginning{Labels: task.Labels{"page": "exports"}}), true}, // T16
	{taskEvent(task.EventProgress, task.Progress{Text: "Step 1/2", Value: .5}), true},
	{taskEvent(task.EventCompleted, json.RawMessage(`{"rows":3}`)), true},
	{taskEvent(task.EventCompleted, nil), true},
	{task.Event{Type: task.EventCompleted, TaskID: knownID, TaskType: "demo", Created: someTime, Timestamp: someTime, Seq: 1, Attempt: 1, Truncated: true}, true},
	{taskEvent(task.EventFailed, task.Failure{Error: "Test error", Code: task.CodeTimeLimit}), true},
	{taskEvent(task.EventFailed, task.Failure{Error: "Test error"}), false},
	{taskEvent(task.EventCancelled, nil), true},
	{taskEvent(task.EventQueued, nil), true},          // T3
	{taskEvent(task.EventCancelRequested, nil), true}, // T3
	{taskEvent(task.EventRemoved, nil), true},         // T3

	{taskEvent(task.EventQueued, task.Beginning{Labels: task.Labels{"page": "exports"}}), false},
	{taskEvent(task.EventRemoved, "something"), false},
	{taskEvent(task.EventStarted, "something"), false},
	{taskEvent(task.EventStarted, task.Beginning{}), false},
	{taskEvent(task.EventProgress, task.Progress{Value: 1.5}), false},
	{taskEvent(task.EventFailed, nil), false},
	{taskEvent("task_paused", nil), false},
	{task.Event{Type: task.EventStarted, TaskID: "7", Timestamp: someTime}, false},
}

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func taskEvent(typ task.EventType, data any) task.Event {
	return task.Event{Type: typ, TaskID: knownID, TaskType: "demo", Created: someTime, Timestamp: someTime, Seq: 1, Attempt: 1, Data: data}
}
