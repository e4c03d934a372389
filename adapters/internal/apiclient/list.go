package apiclient

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// TaskFilter selects tasks; all that it names must hold. The zero value selects all.
type TaskFilter struct {
	Status task.Status
	Type   string
	Labels task.Labels
	IDs    []task.ID
}

func (f TaskFilter) query() url.Values {
	q := url.Values{}
	if f.Status != "" {
		q.Set("status", string(f.Status))
	}
	if f.Type != "" {
		q.Set("type", f.Type)
	}
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		q.Add("label", key+":"+f.Labels[key])
	}
	for _, id := range f.IDs {
		q.Add("ids", string(id))
	}
	return q
}

// maxTaskPage is how many tasks a page has at most.
const maxTaskPage = 200

// EachTask calls each with the tasks that f selects, newest first, until it returns false
// or there are no more. It asks for pages of as many as limit says, or of the largest for 0.
// Errors: *Error, ErrUnreachable, that of each.
func (c *Client) EachTask(ctx context.Context, f TaskFilter, limit int, each func(taskjson.Task) (more bool, err error)) error {
	q := f.query()
	if limit <= 0 || limit > maxTaskPage {
		limit = maxTaskPage
	}
	q.Set("limit", strconv.Itoa(limit))
	for {
		var page struct {
			Tasks *[]taskjson.Task `json:"tasks"`
			Next  *string          `json:"next_cursor"`
		}
		err := c.ask(ctx, http.MethodGet, paths.Tasks+"?"+q.Encode(), nil, nil, &page)
		if err == nil && page.Tasks == nil {
			err = fmt.Errorf("%w: it answered without tasks", ErrUnreachable)
		}
		if err != nil {
			return err
		}
		for _, t := range *page.Tasks {
			if more, err := each(t); !more || err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		q.Set("cursor", *page.Next)
	}
}

// CancelAll asks for the cancellation of all unfinished tasks that f selects, and returns
// how many those are. Errors: *Error, with FILTER_REQUIRED for a filter that selects all; ErrUnreachable.
func (c *Client) CancelAll(ctx context.Context, f TaskFilter) (cancelled int, err error) {
	var answer struct {
		Cancelled int `json:"cancelled"`
	}
	err = c.ask(ctx, http.MethodPost, paths.Tasks+"/cancel?"+f.query().Encode(), nil, nil, &answer)
	return answer.Cancelled, err
}
