package ginapi

import (
	"context"
	"fmt"

	"heliograph/domain/task"
)

const (
	// maxCounted bounds how many tasks one request counts, so that it takes no longer than
	// a second.
	maxCounted = 100_000
	// countPage is how many of them are looked at together.
	countPage = 1000
)

// taskCounts says how many tasks there are in each status.
type taskCounts struct {
	Pending   int `json:"pending"`
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	// More says that there are more than were counted, the newest ones.
	More bool `json:"more,omitempty"`
}

// countTasks counts those that q selects, in whatever status. One request counts at a time.
func (a *API) countTasks(ctx context.Context, q task.Query) (*taskCounts, error) {
	if err := a.counting.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("count tasks: %w", err)
	}
	defer a.counting.Release(1)
	q.Status, q.Limit, q.Cursor = "", countPage, ""
	var counts taskCounts
	by := map[task.Status]*int{
		task.Pending: &counts.Pending, task.Running: &counts.Running,
		task.Completed: &counts.Completed, task.Failed: &counts.Failed, task.Cancelled: &counts.Cancelled,
	}
	for counted := 0; ; {
		page, next, err := a.deps.TaskReader.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			*by[t.Status]++
		}
		counted += len(page)
		if counts.More = next != "" && counted >= maxCounted; next == "" || counts.More {
			return &counts, nil
		}
		q.Cursor = next
	}
}
