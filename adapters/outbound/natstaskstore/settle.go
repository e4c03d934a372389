package natstaskstore

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// settledRecord is what is stored of a life of a node: up to which revision the final
// events of its tasks are published. So that need not be written into each task's record,
// which keeps its mark.
type settledRecord struct {
	Format   int    `json:"format"`
	Revision uint64 `json:"revision"`
}

func settledKey(node cluster.Life) string { return natsbroker.Key(bySettled, string(node)) }

// Settle implements task.Store.
func (s *Store) Settle(ctx context.Context, node cluster.Life, revision uint64) error {
	text, err := json.Marshal(settledRecord{recordFormat, revision})
	if err != nil {
		return err
	}
	if _, err = s.bucket.Put(ctx, settledKey(node), text); err != nil {
		return failure(err)
	}
	s.replica.settle(node, revision)
	return nil
}

// onSettled brings a change of a life's record into the copy.
func (s *Store) onSettled(node cluster.Life, c natsbroker.Change) error {
	if c.Deleted {
		s.replica.forgetSettled(node)
		return nil
	}
	r, err := decodeSettled(c.Value)
	if err == nil {
		s.replica.settle(node, r.Revision)
	}
	return err
}

func decodeSettled(text []byte) (r settledRecord, err error) {
	if err = json.Unmarshal(text, &r); err == nil {
		err = natsbroker.CheckFormat(r.Format, recordFormat)
	}
	if err != nil {
		return settledRecord{}, fmt.Errorf("task store: record of settled tasks: %w", err)
	}
	return r, nil
}

// forgetSettled deletes the records of lives of which no task is there any more: the
// first task that is there ended after they were written last. A failure is logged: the
// next start of any node tries again.
func (c *cleaner) forgetSettled(ctx context.Context) {
	if err := c.deleteSettled(ctx); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "records of nodes that are gone could not be deleted", slog.Any("error", err))
	}
}

func (c *cleaner) deleteSettled(ctx context.Context) error {
	var found []jetstream.KeyValueEntry
	eachErr := c.bucket.Each(ctx, bySettled+".*", func(entry jetstream.KeyValueEntry) error {
		found = append(found, entry)
		return nil
	})
	var first time.Time // after the records were found: what they settled has ended by then
	var ended bool
	if err := c.reader.read(ctx, func(tasks *tasklist.Set, _ time.Time) { first, ended = tasks.FirstEnd() }); err != nil {
		return err
	}
	for _, entry := range found {
		if ended && !first.After(entry.Created()) {
			continue
		}
		err := c.bucket.Purge(ctx, entry.Key(), entry.Revision())
		if err != nil && !natsbroker.Conflict(err) { // its node has just written it
			return wrapped(err)
		}
	}
	return wrapped(eachErr)
}

// asRead returns t, as it is stored, as it reads (task.Store.Settle).
func (r *replica) asRead(t task.Task) task.Task {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.tasks.ReadSettled(&t)
	return t
}

func (r *replica) settle(node cluster.Life, revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks.Settle(node, revision)
}

func (r *replica) forgetSettled(node cluster.Life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks.ForgetSettled(node)
}
