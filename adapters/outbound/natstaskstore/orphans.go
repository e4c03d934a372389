package natstaskstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// orphanAge is how old the record of an Idempotency-Key without a task is before it
// is deleted: its start, if there is one, has long failed.
const orphanAge = time.Hour

// cleaner deletes the records that nothing needs any more. It is safe for concurrent use.
type cleaner struct {
	bucket  *natsbroker.Bucket
	records *records
	reader  *reader
	log     *slog.Logger
}

// freeOrphanedKeys deletes the records of Idempotency-Keys that interrupted starts
// and deletions have left, which would otherwise stay for ever. A failure is logged:
// the next start of any node tries again.
func (c *cleaner) freeOrphanedKeys(ctx context.Context, minAge time.Duration) {
	freed, err := c.freeKeys(ctx, minAge)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "Idempotency-Keys without a task could not be freed", slog.Any("error", err))
	}
	if freed > 0 {
		c.log.InfoContext(ctx, "Idempotency-Keys without a task were freed", slog.Int("count", freed))
	}
}

// orphan is the record of a key whose task is not there.
type orphan struct {
	key      string
	revision uint64
	id       task.ID
}

func (c *cleaner) freeKeys(ctx context.Context, minAge time.Duration) (freed int, err error) {
	var orphans []orphan
	var now time.Time // by the server's clock, as the ages are
	if err := c.reader.read(ctx, func(_ *tasklist.Set, at time.Time) { now = at }); err != nil {
		return 0, err
	}
	err = c.bucket.Each(ctx, byKey+".*", func(entry jetstream.KeyValueEntry) error {
		id, err := decodeKey(entry.Value())
		if err == nil && now.Sub(entry.Created()) >= minAge && !c.reader.replica.has(id) {
			orphans = append(orphans, orphan{entry.Key(), entry.Revision(), id})
		}
		return err
	})
	for _, o := range orphans {
		ruledOut, ruleErr := c.records.ruleOut(ctx, o.id)
		if ruleErr != nil {
			return freed, ruleErr
		}
		if !ruledOut {
			continue
		}
		purgeErr := c.bucket.Purge(ctx, o.key, o.revision)
		if purgeErr != nil && !natsbroker.Conflict(purgeErr) {
			return freed, wrapped(purgeErr)
		}
		freed++
	}
	return freed, wrapped(err)
}
