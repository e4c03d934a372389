package tasks

import (
	"context"
	"slices"

	"heliograph/domain/task"
)

// reader implements task.Reader. It is safe for concurrent use.
type reader struct {
	store         task.Store
	types         *types
	maxEventBytes int // Config.MaxEventBytes
}

// Get implements task.Reader.
func (r *reader) Get(ctx context.Context, id task.ID) (task.Task, error) {
	t, err := r.store.Get(ctx, id)
	if err == nil && t.Removed {
		return task.Task{}, task.ErrNotFound
	}
	r.hideParams(&t)
	return t, err
}

// hideParams leaves out the params that the type of t hides. One that is not known any
// more may have done so.
func (r *reader) hideParams(t *task.Task) {
	if typ, ok := r.types.Known(t.Type); !ok || typ.HideParams {
		t.Params, t.ParamsHidden = nil, true
	}
}

// List implements task.Reader.
func (r *reader) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = r.listFull(ctx, q)
	for i := range page {
		r.hideParams(&page[i])
		if t := &page[i]; len(t.Result) > r.maxEventBytes {
			t.Result, t.Truncated = nil, true
		}
	}
	return page, next, err
}

// maxReads bounds how often the store is asked for one page: with what a store looks at
// each time these are half a million tasks.
const maxReads = 250

// listFull is Store.List for a page that is full if another follows.
func (r *reader) listFull(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = r.store.List(ctx, q)
	for reads := 1; err == nil && next != "" && len(page) < q.Limit && reads < maxReads; reads++ {
		if err = ctx.Err(); err != nil {
			break
		}
		rest := q
		rest.Cursor, rest.Limit = next, q.Limit-len(page)
		var more []task.Task
		more, next, err = r.store.List(ctx, rest)
		page = append(page, more...)
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// Types implements task.Reader.
func (r *reader) Types(context.Context) ([]task.Type, error) {
	return slices.Clone(*r.types.startable.Load()), nil
}
