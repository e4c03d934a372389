package connections

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"heliograph/domain/connection"
)

// telling goes through the observers for one connection. They are called one
// after the other and in one goroutine; but nothing can make an observer
// return, so when one is late its goroutine is left behind with it, and another
// goes on. Who advances turn decides who that is.
type telling struct {
	m         *Manager
	c         connection.Connection
	observers []observer
	failed    []observer    // to be called again; of whoever's turn it is
	again     bool          // they failed before
	turn      atomic.Int32  // index of the observer that is called
	told      chan struct{} // closed when all were called, if it is not nil
}

// from calls the observers from the i-th on. ctx is what their context is made
// of. The caller has counted it in Manager.running.
func (t *telling) from(ctx context.Context, i int) {
	defer t.m.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &visit{telling: t, cancel: cancel}
	for ; i < len(t.observers) && !t.m.halted(); i++ {
		if !t.call(ctx, v, i) {
			return
		}
	}
	if len(t.failed) > 0 && !t.m.halted() {
		t.m.tryAgain(t)
	}
	if t.told != nil {
		close(t.told)
	}
}

// call calls the i-th observer, and reports whether the caller is to go on with
// the next.
func (t *telling) call(ctx context.Context, v *visit, i int) (goOn bool) {
	err := errExited
	t.m.watch.begin(v, i)
	defer func() {
		t.m.watch.end(v)
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
		if errors.Is(err, errExited) { // this goroutine ends here
			t.takeOver(i, err)
			return
		}
		if goOn = t.advance(i); goOn && err != nil && !t.m.halted() {
			t.fail(i, err)
		}
	}()
	err = t.observers[i].Connected(ctx, t.c)
	return
}

// takeOver goes on after the i-th observer in a goroutine of its own, unless
// somebody else does.
func (t *telling) takeOver(i int, why error) {
	if !t.advance(i) {
		return
	}
	t.fail(i, why)
	t.m.running.Add(1) // the one that is left behind still counts
	t.m.crew.call(func() { t.from(t.m.life, i+1) })
}

// fail notes that the i-th observer failed. One that is broken is not called again.
func (t *telling) fail(i int, why error) {
	if !t.again {
		t.m.warn(t.m.life, t.observers[i], t.c, why)
	}
	if _, panicked := errors.AsType[*panicError](why); !panicked && !errors.Is(why, errExited) {
		t.failed = append(t.failed, t.observers[i])
	}
}

// advance reports whether the i-th observer's turn was not over yet, and ends
// it.
func (t *telling) advance(i int) bool {
	return t.turn.CompareAndSwap(int32(i), int32(i+1)) //nolint:gosec // there are few observers
}
