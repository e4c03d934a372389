package ginapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

const (
	// defaultLimit and maxLimit are how many tasks a page has at most.
	defaultLimit = 50
	maxLimit     = 200
	// maxPage is how many bytes of tasks a page has at most; a larger task has a page
	// for itself.
	maxPage = 256 << 10
)

func (a *API) listTasks(c *gin.Context) error {
	query, results, err := parseList(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	for {
		page, next, err := a.deps.TaskReader.List(c.Request.Context(), query)
		if err != nil {
			return err
		}
		tasks, whole, err := encodePage(page, results)
		if err != nil {
			return err
		}
		if whole {
			return a.replyList(c, tasks, next)
		}
		query.Limit = len(tasks) // and the cursor is that of a page that ends there
	}
}

// encodePage encodes tasks until they are as many bytes as a page may have, and
// reports whether these were all.
func encodePage(page []task.Task, results bool) (tasks []json.RawMessage, whole bool, err error) {
	tasks = make([]json.RawMessage, 0, len(page))
	size := 0
	for _, t := range page {
		if t.Result != nil && !results {
			t.Result, t.Truncated = nil, true
		}
		text, err := encode(taskjson.Of(t))
		if err != nil {
			return nil, false, err
		}
		if size += len(text); size > maxPage && len(tasks) > 0 {
			return tasks, false, nil
		}
		tasks = append(tasks, text)
	}
	return tasks, true, nil
}

func (a *API) replyList(c *gin.Context, tasks []json.RawMessage, next string) error {
	body, err := encode(struct {
		Tasks      []json.RawMessage `json:"tasks"`
		NextCursor *string           `json:"next_cursor"`
	}{tasks, taskjson.OrNull(next)})
	if err != nil {
		return err
	}
	return a.replyLarge(c, body)
}

// parseList reads the list's parameters; one that is empty counts as left out.
func parseList(raw string) (q task.Query, results bool, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return task.Query{}, false, invalidQuery("the query string is malformed")
	}
	switch values.Get("include") {
	case "":
	case "result":
		results = true
	default:
		return task.Query{}, false, invalidQuery("include must be result")
	}
	q, err = parseQuery(values)
	return q, results, err
}

func parseQuery(values url.Values) (q task.Query, err error) {
	q = task.Query{
		Status: task.Status(values.Get("status")), Type: values.Get("type"),
		Limit: defaultLimit, Cursor: values.Get("cursor"),
	}
	if q.Status != "" && !q.Status.Valid() {
		return task.Query{}, invalidQuery(fmt.Sprintf("status must be one of %q", task.Statuses()))
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
	types, err := a.deps.TaskReader.Types(c.Request.Context())
	if err != nil {
		return err
	}
	answer := make([]taskType, len(types))
	for i, t := range types {
		answer[i] = taskType{Type: t.Name, Description: t.Description, ParamsSchema: t.ParamsSchema}
	}
	return reply(c, http.StatusOK, map[string][]taskType{"task_types": answer})
}
