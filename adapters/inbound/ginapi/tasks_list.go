package ginapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/ginjson"
	"heliograph/domain/task"
)

// How many tasks a page has. The most keeps an answer to some 100 kB as long as
// results are small.
const (
	defaultLimit = 50
	maxLimit     = 200
)

func (a *API) listTasks(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	page, next, err := a.deps.TaskReader.List(c.Request.Context(), query)
	if err != nil {
		return err
	}
	answer := struct {
		Tasks      []taskStatus `json:"tasks"`
		NextCursor *string      `json:"next_cursor"`
	}{make([]taskStatus, len(page)), orNull(next)}
	for i, t := range page {
		answer.Tasks[i] = statusOf(t)
	}
	return reply(c, http.StatusOK, answer)
}

// parseQuery reads the list's parameters; one that is empty counts as left out.
func parseQuery(raw string) (task.Query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return task.Query{}, invalidQuery("the query string is malformed")
	}
	q := task.Query{
		Status: task.Status(values.Get("status")), Type: values.Get("type"),
		Limit: defaultLimit, Cursor: values.Get("cursor"),
	}
	if q.Status != "" && !q.Status.Valid() {
		return task.Query{}, invalidQuery("status must be pending, running, completed, failed or cancelled")
	}
	if limit := values.Get("limit"); limit != "" {
		q.Limit, err = strconv.Atoi(limit)
	}
	if err != nil || q.Limit < 1 || q.Limit > maxLimit {
		return task.Query{}, invalidQuery(fmt.Sprintf("limit must be a number from 1 to %d", maxLimit))
	}
	return q, nil
}

func invalidQuery(message string) error {
	return &ginjson.Error{Status: http.StatusBadRequest, Code: "INVALID_QUERY", Message: message}
}

// taskType is the JSON of a task type.
type taskType struct {
	Type         string          `json:"type"`
	Description  string          `json:"description"`
	ParamsSchema json.RawMessage `json:"params_schema"`
}

func (a *API) listTaskTypes(c *gin.Context) error {
	types := a.deps.TaskReader.Types()
	answer := make([]taskType, len(types))
	for i, t := range types {
		answer[i] = taskType{Type: t.Name, Description: t.Description, ParamsSchema: t.ParamsSchema}
	}
	return reply(c, http.StatusOK, map[string][]taskType{"task_types": answer})
}
