package bootstrap

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
)

// maxLogBuffer bounds what waits to be written, in bytes: some five thousand
// lines, as many as a busy service writes while its log's reader is restarted.
const maxLogBuffer = 1 << 20

// LogBuffer stands between the log and standard error, so that logging never
// waits: a full pipe that nothing reads would stop whatever logs. A line that does
// not fit is dropped and counted, and so is one that cannot be written; both are
// said in the log as soon as it is read again. It is safe for concurrent use.
type LogBuffer struct {
	w io.Writer

	mu      sync.Mutex
	lines   [][]byte      // to be written, in order; guarded by mu
	held    int           // bytes of lines and of those being written; guarded by mu
	idle    chan struct{} // closed when all is written; nil then; guarded by mu
	dropped uint64        // lines; guarded by mu
	said    uint64        // of dropped, those that the log tells of; guarded by mu
	report  *slog.Logger  // writes to this LogBuffer; nil until a logger was made; guarded by mu
}

// NewLogBuffer returns a LogBuffer that writes to w, from a goroutine that is
// there while something waits.
func NewLogBuffer(w io.Writer) *LogBuffer { return &LogBuffer{w: w} }

// Write implements io.Writer. It takes whole lines and never fails.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held+len(line) > maxLogBuffer {
		b.dropped++
		return len(line), nil
	}
	b.lines = append(b.lines, bytes.Clone(line))
	b.held += len(line)
	if b.idle == nil {
		b.idle = make(chan struct{})
		go b.drain()
	}
	return len(line), nil
}

// drain writes until nothing waits.
func (b *LogBuffer) drain() {
	written := true
	for {
		line, ok := b.next(written)
		if !ok {
			return
		}
		_, err := b.w.Write(line)
		written = err == nil
		b.done(line, written)
	}
}

// next returns the next line. When lines were dropped and the log is read again,
// it logs how many first.
func (b *LogBuffer) next(readable bool) (line []byte, ok bool) {
	b.mu.Lock()
	if readable && b.dropped > b.said && b.report != nil && len(b.lines) == 0 {
		n, report := b.dropped-b.said, b.report
		b.said = b.dropped
		b.mu.Unlock()
		report.Warn("log lines were dropped: standard error was not read", slog.Uint64("lines", n))
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if len(b.lines) == 0 {
		close(b.idle)
		b.idle, b.lines = nil, nil
		return nil, false
	}
	line, b.lines[0] = b.lines[0], nil
	b.lines = b.lines[1:]
	return line, true
}

func (b *LogBuffer) done(line []byte, written bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= len(line)
	if !written {
		b.dropped++
	}
}

// Flush returns when all is written, or when ctx ends, with its error.
func (b *LogBuffer) Flush(ctx context.Context) error {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Dropped returns how many lines were dropped so far.
func (b *LogBuffer) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Metrics is for New and NewGatewayRole: it makes the dropped lines a metric.
func (b *LogBuffer) Metrics() fx.Option {
	return fx.Invoke(func(reg *prometheus.Registry) error {
		return reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "heliograph_log_dropped_lines_total", Help: "Log lines that were dropped because standard error was not read.",
		}, func() float64 { return float64(b.Dropped()) }))
	})
}
