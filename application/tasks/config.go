package tasks

import (
	"cmp"
	"fmt"
	"time"

	"heliograph/application/tasks/records"
)

// Config tunes the Service. A zero field means its default, or
// where that is said no limit.
type Config struct {
	// MaxWorkers is how many tasks run at the same time. Default 4.
	MaxWorkers int
	// QueueSize is how many more of one type may wait for a worker. Default 256.
	// The params of all that wait have 256 MiB together; half of that is shared out
	// evenly among the types.
	QueueSize int
	// ScheduledMax is how many tasks of all types may wait for the time that they are to
	// run at (rule T19), in the memory of this process; their params have 256 MiB
	// together. Default 10,000.
	ScheduledMax int
	// Timeout is how long a task may run (rule T8). Default 300 s.
	Timeout time.Duration
	// CancelGrace is how long a task may go on after its context ended, before its
	// worker gives it up (rule T7). Default 30 s.
	CancelGrace time.Duration
	// ProgressRate is how many progress events a task sends per second, on average,
	// at most; of those in between the newest wins. 0 is no limit.
	ProgressRate int
	// CleanupInterval is the age, counted from its end, at which the cleaner
	// removes a finished task (rule T9). Default 600 s.
	CleanupInterval time.Duration
	// RetentionCount and RetentionBytes bound how many finished tasks are kept, and
	// how large their params and results are together; those that ended first go
	// first. Until the cleaner comes there may be a tenth more. 0 is no bound.
	RetentionCount, RetentionBytes int
	// Oversee is how often a store that outlives the process is looked through for
	// tasks that no node owns any more. Default 5 s.
	Oversee time.Duration
	// ShutdownReserve is the part of Stop's time, at its end, that is kept for
	// tasks to stop and say so (rule T15); never more than half of it. Default 5 s.
	ShutdownReserve time.Duration
	// MaxEventBytes bounds the payload of an event (rule E8). Default 64 KiB, at
	// least 1 KiB.
	MaxEventBytes int
	// MaxWritten bounds event.Written of that payload likewise, for gateways to which
	// it is written so; 0 is no bound.
	MaxWritten int
}

func (c Config) withDefaults() Config {
	return Config{
		ProgressRate: c.ProgressRate, RetentionCount: c.RetentionCount, RetentionBytes: c.RetentionBytes, MaxWritten: c.MaxWritten,
		MaxWorkers:      cmp.Or(c.MaxWorkers, 4),
		QueueSize:       cmp.Or(c.QueueSize, 256),
		ScheduledMax:    cmp.Or(c.ScheduledMax, 10_000),
		Timeout:         cmp.Or(c.Timeout, 300*time.Second),
		CancelGrace:     cmp.Or(c.CancelGrace, 30*time.Second),
		CleanupInterval: cmp.Or(c.CleanupInterval, 600*time.Second),
		ShutdownReserve: cmp.Or(c.ShutdownReserve, 5*time.Second),
		Oversee:         cmp.Or(c.Oversee, 5*time.Second),
		MaxEventBytes:   cmp.Or(c.MaxEventBytes, 64<<10),
	}
}

// progressInterval is the time from one progress event of a task to the next.
func (c Config) progressInterval() time.Duration {
	if c.ProgressRate == 0 {
		return 0
	}
	return time.Second / time.Duration(c.ProgressRate)
}

func (c Config) validate() error {
	if min(c.MaxWorkers, c.QueueSize, c.ScheduledMax, c.ProgressRate, c.RetentionCount, c.RetentionBytes) < 0 || min(c.Timeout, c.CancelGrace, c.CleanupInterval, c.ShutdownReserve, c.Oversee) < 0 {
		return fmt.Errorf("a number or duration is negative: %+v", c)
	}
	if c.MaxEventBytes < records.MinEventBytes {
		return fmt.Errorf("MaxEventBytes is %d, less than %d", c.MaxEventBytes, records.MinEventBytes)
	}
	return nil
}
