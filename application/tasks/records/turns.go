package records

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/domain/task"
)

// turnTime bounds how long Take waits: its caller waits, too.
const turnTime = 5 * time.Second

// Turns has those on this node who change a task's record and then publish the change do
// so one after the other, so that the events leave in the order of the changes. The
// events of other nodes do not overtake either: a broker that nodes share refuses what
// comes too late (event.Event.Order). It is safe for concurrent use.
type Turns struct {
	mu    sync.Mutex
	taken map[task.ID]*turn // those that somebody has or waits for; guarded by mu
}

// turn is that of one task.
type turn struct {
	held  chan struct{} // holds a value while somebody has it
	users int           // that have it or wait for it; guarded by Turns.mu
}

func newTurns() *Turns { return &Turns{taken: make(map[task.ID]*turn)} }

// Take is for those who change a task's record and then publish that, without being
// its attempt: they do both before done is called. Errors: task.ErrUnavailable when
// another change takes too long, ctx.Err().
func (t *Turns) Take(ctx context.Context, id task.ID) (done func(), err error) {
	limited, end := context.WithTimeout(ctx, turnTime)
	defer end()
	done, err = t.wait(limited, id)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: another change of the task is under way", task.ErrUnavailable)
	}
	return done, err
}

// wait returns once it has the turn of a task, which it has until done is called. Errors:
// ctx.Err().
func (t *Turns) wait(ctx context.Context, id task.ID) (done func(), err error) {
	of := t.join(id)
	select {
	case of.held <- struct{}{}:
		return func() {
			<-of.held
			t.leave(id, of)
		}, nil
	case <-ctx.Done():
		t.leave(id, of)
		return nil, ctx.Err()
	}
}

func (t *Turns) join(id task.ID) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.taken[id]
	if of == nil {
		of = &turn{held: make(chan struct{}, 1)}
		t.taken[id] = of
	}
	of.users++
	return of
}

func (t *Turns) leave(id task.ID, of *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of.users--; of.users == 0 {
		delete(t.taken, id)
	}
}
