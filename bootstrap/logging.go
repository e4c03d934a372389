package bootstrap

import (
	"io"
	"log/slog"

	"go.uber.org/fx/fxevent"
)

// NewServiceLogger returns the logger of a role that serves. Lines that b dropped
// are said in it.
func NewServiceLogger(cfg LogConfig, b *LogBuffer) *slog.Logger {
	log := NewLogger(cfg, b)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report = log
	return log
}

// NewLogger returns a logger that writes to w.
func NewLogger(cfg LogConfig, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.Level.slog()}
	if cfg.Format == LogText {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	opts.ReplaceAttr = spellDurations
	return slog.New(slog.NewJSONHandler(w, opts))
}

// spellDurations writes 1.5s where JSON would have a number without a unit.
func spellDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func (l LogLevel) slog() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// newFxLogger logs how fx wires at debug level, its errors too: they are returned
// as well, and logged once by the caller.
func newFxLogger(log *slog.Logger) fxevent.Logger {
	l := &fxevent.SlogLogger{Logger: log}
	l.UseLogLevel(slog.LevelDebug)
	l.UseErrorLevel(slog.LevelDebug)
	return l
}
