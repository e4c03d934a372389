package ginapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/ginjson"
	"heliograph/domain/connection"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// testingOnly guards the routes for the frontends' end-to-end tests.
func (a *API) testingOnly(c *gin.Context) {
	if !a.cfg.Testing {
		ginjson.Abort(c, a.log, &ginjson.Error{
			Status: http.StatusBadRequest, Code: "ROUTE_NOT_AVAILABLE",
			Message: "this route is open with APP_ENV=testing only",
		})
	}
}

// deployTestVersion announces a version as announceVersion does, but tells of a
// shutdown in the body (rule V7), which frontends' tests rely on.
func (a *API) deployTestVersion(c *gin.Context) error {
	id, v, err := readAnnouncement(c)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("%w: it is missing", connection.ErrInvalidRequestID)
	}
	answer := deployment{RequestID: id, Delivered: true, Status: "delivered"}
	err = a.deps.Versions.Announce(c.Request.Context(), id, v)
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
	Delivered bool                 `json:"delivered"`
	Status    string               `json:"status"`
}

const wantTestTask = `the body must be an object with a string "task_type" and, if wanted, an object "params"`

func (a *API) startTestTask(c *gin.Context) error {
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
	t, err := a.start(c, body.TaskType, body.Params, "")
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]string{"task_id": string(t.ID), "status": string(t.Status)})
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
