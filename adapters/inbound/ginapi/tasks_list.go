package ginapi

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

const (
	// defaultLimit and maxLimit are how many tasks a page has at most.
	defaultLimit = 50
	maxLimit     = 200
	// maxPage is how many bytes of tasks a page has at most; a larger task has a page
	// for itself. Tasks that were asked for by ID are on one page, and what is over it are
	// results, which are left out.
	maxPage = 256 << 10
)

func (a *API) listTasks(c *gin.Context) error {
	query, in, err := parseList(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	for {
		page, next, err := a.deps.TaskReader.List(c.Request.Context(), query)
		if err != nil {
			return err
		}
		tasks, whole, err := encodePage(page, in, len(query.IDs) > 0)
		if err != nil {
			return err
		}
		if whole {
			return a.replyList(c, query, in, listAnswer{Tasks: tasks, NextCursor: taskjson.OrNull(next)})
		}
		query.Limit = len(tasks) // and the cursor is that of a page that ends there
	}
}

// encodePage encodes tasks until they are as many bytes as a page may have, or all of them
// with fewer results and params, and reports whether these were all.
func encodePage(page []task.Task, in included, all bool) (tasks []json.RawMessage, whole bool, err error) {
	tasks = make([]json.RawMessage, 0, len(page))
	size := 0
	for _, t := range page {
		if t.Result != nil && (!in.result || all && size+len(t.Result) > maxPage) {
			t.Result, t.Truncated = nil, true
		}
		with := in
		if all && size+len(t.Params) > maxPage {
			with.params = false
		}
		text, err := encode(with.of(t))
		if err != nil {
			return nil, false, err
		}
		if size += len(text); size > maxPage && len(tasks) > 0 && !all {
			return tasks, false, nil
		}
		tasks = append(tasks, text)
	}
	return tasks, true, nil
}

// listAnswer is the JSON of a page of tasks.
type listAnswer struct {
	Tasks      []json.RawMessage `json:"tasks"`
	NextCursor *string           `json:"next_cursor"`
	Counts     *taskCounts       `json:"counts,omitempty"` // if they are asked for
}

func (a *API) replyList(c *gin.Context, q task.Query, in included, answer listAnswer) (err error) {
	if in.counts {
		if answer.Counts, err = a.countTasks(c.Request.Context(), q); err != nil {
			return err
		}
	}
	body, err := encode(answer)
	if err != nil {
		return err
	}
	return a.replyLarge(c, body)
}

// taskType is the JSON of a task type.
type taskType struct {
	Type         string          `json:"type"`
	Description  string          `json:"description"`
	ParamsSchema json.RawMessage `json:"params_schema"`
	ResultSchema json.RawMessage `json:"result_schema,omitempty"` // if it is asked for
}

func (a *API) listTaskTypes(c *gin.Context) error {
	in, err := parseIncluded(c.QueryArray("include"), "result_schema")
	if err != nil {
		return err
	}
	types, err := a.deps.TaskReader.Types(c.Request.Context())
	if err != nil {
		return err
	}
	answer := make([]taskType, len(types))
	for i, t := range types {
		answer[i] = taskType{Type: t.Name, Description: t.Description, ParamsSchema: t.ParamsSchema}
		if in.resultSchema {
			answer[i].ResultSchema = t.ResultSchema
		}
	}
	return reply(c, http.StatusOK, map[string][]taskType{"task_types": answer})
}
