package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// secondSignalAfter is the time in which further signals count as the first: a
// Ctrl-C in a terminal reaches a program several times when it was started by
// another one that passes it on.
const secondSignalAfter = 500 * time.Millisecond

// untilSignal returns a context for a role that serves. It ends with the first
// SIGINT, SIGTERM or SIGHUP, which stop the role in order; later than
// secondSignalAfter, signals have their usual effect, so that a second one ends
// the process at once. A SIGINT or SIGHUP that was ignored at the start, as nohup
// does, stays so. The caller must call stop.
//
// From now on a SIGPIPE does nothing, and the write that caused it fails: a
// reader of the log that ends must not end the service, nor take its exit status
// while the last lines are written. The signal is caught and not ignored, because
// the programs that tasks start would inherit that.
func untilSignal(ctx context.Context) (_ context.Context, stop func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGHUP}, signal.Ignored)
	ctx, restore := signal.NotifyContext(ctx, append(signals, syscall.SIGTERM)...)
	wait := context.AfterFunc(ctx, func() { time.AfterFunc(secondSignalAfter, restore) })
	return ctx, func() {
		wait()
		restore()
	}
}
