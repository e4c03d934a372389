package connections

import (
	"context"
	"errors"
	"runtime/debug"

	"heliograph/domain/connection"
)

// telling goes through the observers for one connection. They are called one
// after the other and in one goroutine; but nothing can make an observer
// return, so when one is late its goroutine is left behind with it, and another
// goes on. The watch decides who that is.
type telling struct {
	m         *Manager
	c         connection.Connection
	observers []observer
	failed    []observer    // to be called again; of whoever's turn it is
	again     bool          // they failed before
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
		inTime := t.m.watch.end(v)
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
		switch {
		case !inTime: // another has gone on
			return
		case errors.Is(err, errExited): // this goroutine ends here
			t.m.running.Add(1) // the one that ends still counts
			t.takeOver(i, err)
			return
		case err != nil && !t.m.halted():
			t.fail(i, err)
		}
		goOn = true
	}()
	err = t.observers[i].Connected(ctx, t.c)
	return
}

// takeOver goes on after the i-th observer in a goroutine of its own, which the caller
// has counted in Manager.running.
func (t *telling) takeOver(i int, why error) {
	t.fail(i, why)
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
