package ginapi

import (
	"bytes"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// byID parses the task ID in the path for a handler. Anything but a UUID in its
// usual form is not found, because no task has such an ID.
func byID(h func(*gin.Context, task.ID) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		id, ok := parseID(c.Param("id"))
		if !ok {
			return task.ErrNotFound
		}
		return h(c, id)
	}
}

// parseID reads a UUID in its usual form.
func parseID(text string) (task.ID, bool) {
	id, err := uuid.Parse(text)
	return task.ID(id.String()), err == nil && len(text) == len(id.String())
}

func (a *API) getTask(c *gin.Context, id task.ID) error {
	in, err := parseIncluded(c.QueryArray("include"), "params")
	if err != nil {
		return err
	}
	t, err := a.deps.TaskReader.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	return a.replyTask(c, in.of(t))
}

// replyTask writes a task. A large result is written from the store's memory
// without a copy, so that slow clients do not multiply it.
func (a *API) replyTask(c *gin.Context, t taskjson.Task) error {
	result := t.Result
	if len(result) > largeAnswer {
		t.Result = nil
	}
	rest, err := encode(t)
	if err != nil {
		return err
	}
	if len(result) <= largeAnswer {
		return a.replyLarge(c, rest)
	}
	before, after, _ := bytes.Cut(rest, []byte(`"result":null`))
	return a.replyLarge(c, before, []byte(`"result":`), result, after)
}

func (a *API) cancelTask(c *gin.Context, id task.ID) error {
	t, err := a.deps.Tasks.Cancel(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if t.Status == task.Cancelled {
		return reply(c, http.StatusOK, done{true, "the task is cancelled"})
	}
	return reply(c, http.StatusOK, done{true, "the task was asked to stop"})
}

// cancelTasks cancels all that the query selects (rule T17).
func (a *API) cancelTasks(c *gin.Context) error {
	q, err := parseCancelAll(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	n, err := a.deps.Tasks.CancelAll(c.Request.Context(), q)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]int{"cancelled": n})
}

func (a *API) removeTask(c *gin.Context, id task.ID) error {
	if err := a.deps.Tasks.Remove(c.Request.Context(), id); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the task is removed"})
}

// done is the answer to a call that has no result.
type done struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}
