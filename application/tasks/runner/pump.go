package runner

import (
	"context"
	"errors"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/domain/task"
)

// pump stores and then broadcasts what happens in one attempt. The pace of both is its
// own, and on average no faster than one per interval. What a second may have can go
// out at once, so that a task with a few quick steps shows them all.
type pump struct {
	records  *records.Records
	attempt  *Attempt
	interval time.Duration
}

// start starts the one goroutine of the pump. The channel is closed when it is done,
// which it is soon after the sequencer was closed.
func (p *pump) start(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(ctx)
	}()
	return done
}

func (p *pump) run(ctx context.Context) {
	seq := p.attempt.seq
	var spent time.Time // until then, at the average pace, all is spent
	misses := 0
	for range seq.wake {
		if now := time.Now(); spent.Before(now) {
			spent = now
		}
		if err := p.save(ctx); err != nil {
			p.missed(ctx, misses, err)
			misses++
			continue
		}
		misses = 0
		spent = spent.Add(p.interval)
		seq.pause(time.Until(spent.Add(p.interval - time.Second)))
	}
}

// missed lets progress that was not stored wait for a while; or when the attempt
// has ended meanwhile, tries it for the last time.
func (p *pump) missed(ctx context.Context, before int, err error) {
	p.records.Trouble.Warn(ctx, "task progress could not be recorded yet", p.attempt.ID, err)
	p.attempt.seq.pause(records.PauseAfter(before))
	if !p.attempt.seq.again() {
		_ = p.save(ctx) // what counts now is the end
	}
}

// save stores what is new and then publishes it.
func (p *pump) save(ctx context.Context) error {
	a := p.attempt
	t, err := p.records.Attempts.SaveNews(ctx, a.newestRecord(), a.owner, func(t *task.Task) records.News {
		a.TakeUp(t)
		n := a.seq.take()
		n.Ran = a.ran()
		return n
	})
	if errors.Is(err, task.ErrLeaseLost) {
		a.lost.Pass()
		return nil
	}
	if err == nil {
		a.record = t
		a.seq.saved(t.Seq)
	}
	return err
}
