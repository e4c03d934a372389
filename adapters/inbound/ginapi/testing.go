package ginapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// testingRoutes are those below /api/testing, which tests of frontends use.
type testingRoutes struct {
	open     bool
	tasks    task.Service
	versions version.Service
	sendTo   func(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error)
	log      *slog.Logger
}

func (t *testingRoutes) register(r gin.IRouter) {
	r.POST("/api/testing/deployments/version", t.only, handle(t.log, t.deployVersion))
	r.POST(TestEventPath, t.only, handle(t.log, t.sendEvent))
	r.POST("/api/testing/tasks/start", t.only, handle(t.log, t.startTask))
}

// only guards the routes for the frontends' end-to-end tests.
func (t *testingRoutes) only(c *gin.Context) {
	if !t.open {
		ginjson.Abort(c, t.log, &ginjson.Error{
			Status: http.StatusBadRequest, Code: "ROUTE_NOT_AVAILABLE",
			Message: "this route is open with APP_ENV=testing only",
		})
	}
}

// deployVersion announces a version as announceVersion does. During a shutdown
// it answers 202 with "queued" instead of an error (rule V7): the frontends' tests
// rely on that.
func (t *testingRoutes) deployVersion(c *gin.Context) error {
	id, v, err := readAnnouncement(c)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("%w: it is missing", connection.ErrInvalidRequestID)
	}
	answer := deployment{RequestID: id, Snake: id, Delivered: true, Status: "delivered"}
	err = t.versions.Announce(c.Request.Context(), id, v)
	if errors.Is(err, version.ErrShuttingDown) {
		answer.Delivered, answer.Status, err = false, "queued", nil
	}
	if err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, answer)
}

type deployment struct {
	RequestID connection.RequestID `json:"requestId"`
	Snake     connection.RequestID `json:"request_id"` // the same, as all else is spelt
	Delivered bool                 `json:"delivered"`
	Status    string               `json:"status"`
}

const wantTestEvent = `the body must be an object with non-empty strings "request_id", "task_id" and "event_type" and, if wanted, any "data"`

// sendEvent sends a made-up event of a task to one connection, outside the
// log.
func (t *testingRoutes) sendEvent(c *gin.Context) error {
	var body struct {
		RequestID string          `json:"request_id"`
		TaskID    task.ID         `json:"task_id"`
		EventType task.EventType  `json:"event_type"`
		Data      json.RawMessage `json:"data"`
	}
	if err := decode(c, &body, wantTestEvent); err != nil {
		return err
	}
	if body.RequestID == "" || body.TaskID == "" || body.EventType == "" {
		return ginjson.InvalidPayload(wantTestEvent)
	}
	id, err := connection.ParseRequestID(body.RequestID)
	if err != nil {
		return err
	}
	ev, err := testEvent(body.TaskID, body.EventType, body.Data)
	if err != nil {
		return err
	}
	delivered, err := t.sendTo(c.Request.Context(), id, ev)
	if err != nil {
		return err
	}
	if !delivered {
		return &ginjson.Error{
			Status: http.StatusBadRequest, Code: "UNKNOWN_CONNECTION",
			Message: "no client is connected with this request_id",
		}
	}
	return reply(c, http.StatusOK, sentEvent{
		RequestID: id, RequestIDSnake: id, TaskID: body.TaskID, TaskIDSnake: body.TaskID,
		EventType: body.EventType, EventTypeSnake: body.EventType, Delivered: true,
	})
}

// sentEvent has each name in both spellings: that of the frontends' tests, and
// that of everything else.
type sentEvent struct {
	RequestID      connection.RequestID `json:"requestId"`
	RequestIDSnake connection.RequestID `json:"request_id"`
	TaskID         task.ID              `json:"taskId"`
	TaskIDSnake    task.ID              `json:"task_id"`
	EventType      task.EventType       `json:"eventType"`
	EventTypeSnake task.EventType       `json:"event_type"`
	Delivered      bool                 `json:"delivered"`
}

// testEvent returns an event of a task that does not exist, as its first one.
func testEvent(id task.ID, typ task.EventType, data json.RawMessage) (event.Event, error) {
	if !slices.Contains(testEvents, typ) {
		return event.Event{}, ginjson.InvalidPayload(fmt.Sprintf(`"event_type" must be one of %q`, testEvents))
	}
	if data == nil {
		data = json.RawMessage("null")
	}
	now := time.Now().UTC()
	return task.Event{Type: typ, TaskID: id, TaskType: "test", Created: now, Timestamp: now, Seq: 1, Attempt: 1, Data: data}.ToEvent()
}

// testEvents are the events that can be made up.
var testEvents = []task.EventType{
	task.EventQueued, task.EventStarted, task.EventProgress, task.EventCancelRequested,
	task.EventRetrying, task.EventCompleted, task.EventFailed, task.EventCancelled, task.EventRemoved,
}

const wantTestTask = `the body must be an object with a string "task_type" and, if wanted, an object "params"`

func (t *testingRoutes) startTask(c *gin.Context) error {
	var body struct {
		TaskType string          `json:"task_type"`
		Params   json.RawMessage `json:"params"`
	}
	if err := decode(c, &body, wantTestTask); err != nil {
		return err
	}
	if err := checkTestType(body.TaskType); err != nil {
		return err
	}
	r, err := startBody{Type: body.TaskType, Params: body.Params}.request("")
	if err != nil {
		return err
	}
	started, err := t.tasks.Start(c.Request.Context(), r)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]string{"task_id": string(started.ID), "status": string(started.Status)})
}

func checkTestType(typ string) error {
	switch typ {
	case "demo_task", "failing_task", "long_running_task":
		return nil
	case "":
		return ginjson.InvalidPayload(wantTestTask)
	default:
		return fmt.Errorf("%w: want demo_task, failing_task or long_running_task", task.ErrUnknownType)
	}
}
