package natsbroker

import (
	"fmt"
	"log/slog"
	"strings"
)

// serverLog is what a NATS server logs to. Its notices are for the operators of
// a server of its own, and ours is a part of a service. It is also the only place
// where the server says that it cannot write: a write gets no answer then.
type serverLog struct {
	log    *slog.Logger
	health *health
	fatal  *fault // set to what it could not start for
}

func (l serverLog) Noticef(format string, v ...any) { l.log.Debug("nats server", said(format, v)) }
func (l serverLog) Debugf(string, ...any)           {}
func (l serverLog) Tracef(string, ...any)           {}

// Fatalf implements server.Logger.
func (l serverLog) Fatalf(format string, v ...any) {
	l.fatal.set(fmt.Errorf(format, v...))
	l.Errorf(format, v...)
}

// Warnf implements server.Logger.
func (l serverLog) Warnf(format string, v ...any) {
	text := said(format, v)
	l.log.Warn("nats server", text)
	l.noteFailure(text.Value.String())
}

// Errorf implements server.Logger.
func (l serverLog) Errorf(format string, v ...any) {
	text := said(format, v)
	l.log.Error("nats server", text)
	l.noteFailure(text.Value.String())
}

// noteFailure draws the consequences of what the server says, which may hold locks.
func (l serverLog) noteFailure(text string) {
	if stopsWriting(strings.ToLower(text)) {
		l.health.fail(fmt.Errorf("%w: %s", ErrDisk, text))
	}
}

// stopsWriting reports whether a server that says so will not write again.
func stopsWriting(text string) bool {
	for _, phrase := range []string{"write error", "failed to store", "be disabled", "disabling jetstream", "resource limits exceeded"} {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}

func said(format string, v []any) slog.Attr { return slog.String("said", fmt.Sprintf(format, v...)) }
