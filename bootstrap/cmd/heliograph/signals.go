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
// SIGINT or SIGTERM, or one of the others, which stop the role in order; later than
// secondSignalAfter, signals have their usual effect, so that a second one ends
// the process at once. A SIGINT or another one that was ignored at the start, as nohup
// does, stays so. The caller must call stop.
//
// From now on a SIGPIPE does nothing, and the write that caused it fails: a
// reader of the log that ends must not end the service, nor take its exit status
// while the last lines are written. The signal is caught and not ignored, because
// the programs that tasks start would inherit that.
func untilSignal(ctx context.Context, others ...os.Signal) (_ context.Context, stop func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := slices.DeleteFunc(append(others, os.Interrupt), signal.Ignored)
	ctx, restore := signal.NotifyContext(ctx, append(signals, syscall.SIGTERM)...)
	wait := context.AfterFunc(ctx, func() { time.AfterFunc(secondSignalAfter, restore) })
	return ctx, func() {
		wait()
		restore()
	}
}

// hangups returns what gets each SIGHUP from now on, until stop is called, which closes it.
// It takes the signal although it was ignored at the start: a service that nohup has
// started reads its files again all the same.
func hangups() (got <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() {
		signal.Stop(c)
		close(c)
	}
}
