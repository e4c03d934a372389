package ginapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/task"
)

const wantTask = `the body must be an object with a non-empty string "type" and, if wanted, an object "params"`

func (a *API) startTask(c *gin.Context) error {
	var body struct {
		Type   string          `json:"type"`
		Params json.RawMessage `json:"params"`
	}
	if err := decode(c, &body, wantTask); err != nil {
		return err
	}
	if body.Type == "" {
		return ginjson.InvalidPayload(wantTask)
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	t, err := a.start(c, body.Type, body.Params, key)
	if err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, map[string]string{
		"task_id": string(t.ID), "status": string(t.Status),
		"stream_url": paths.Stream + "?request_id=" + string(t.ID),
	})
}

// idempotencyKey returns the header's value, or "" without one (rule T14).
func idempotencyKey(c *gin.Context) (string, error) {
	key := c.GetHeader("Idempotency-Key")
	if len(key) > task.MaxKeyBytes {
		return "", &ginjson.Error{
			Status: http.StatusBadRequest, Code: "INVALID_IDEMPOTENCY_KEY",
			Message: fmt.Sprintf("the Idempotency-Key is longer than %d bytes", task.MaxKeyBytes),
		}
	}
	return key, nil
}

// start starts a task. params is a JSON object; null and nothing mean no params.
func (a *API) start(c *gin.Context, typ string, params json.RawMessage, key string) (task.Task, error) {
	switch {
	case string(params) == "null":
		params = nil
	case len(params) > 0 && params[0] != '{':
		return task.Task{}, fmt.Errorf("%w: they must be an object", task.ErrInvalidParams)
	}
	return a.deps.Tasks.Start(c.Request.Context(), task.Request{Type: typ, Params: params, Key: key})
}
