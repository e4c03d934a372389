package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/bootstrap"
)

// stuck is a writer that blocks until its gate is open, as a pipe that nothing
// reads.
type stuck struct {
	gate chan struct{}
	text bytes.Buffer
	err  error
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.gate
	if s.err != nil {
		return 0, s.err
	}
	return s.text.Write(p)
}

func TestLogBufferNeverBlocksAndSaysWhatItDropped(t *testing.T) { // issue 11, 30
	synctest.Test(t, func(t *testing.T) {
		w := &stuck{gate: make(chan struct{})}
		b := bootstrap.NewLogBuffer(w)
		log := bootstrap.NewServiceLogger(bootstrap.LogConfig{Format: bootstrap.LogJSON}, b)
		const lines = 3000
		filler := strings.Repeat("x", 1000)
		for i := range lines {
			log.Info("line", slog.Int("n", i), slog.String("filler", filler))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush of a log that nothing reads: %v", err)
		}
		dropped := b.Dropped()
		if dropped < lines/2 || dropped > lines*3/4 {
			t.Errorf("%d lines of 1 KiB dropped of %d, with room for 1 MiB", dropped, lines)
		}
		close(w.gate)
		if err := b.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		text := w.text.String()
		kept := strings.Count(text, `"msg":"line"`)
		if kept+int(dropped) != lines || !strings.Contains(text, fmt.Sprintf(`"lines":%d}`, dropped)) || !strings.HasSuffix(text, "}\n") {
			t.Errorf("%d lines kept, %d dropped; the log ends with %s", kept, dropped, text[len(text)-200:])
		}
		log.Info("after")
		if err := b.Flush(t.Context()); err != nil || strings.Count(w.text.String(), "were dropped") != 1 {
			t.Errorf("%v; the loss is not said once", err)
		}
	})
}

func TestLogBufferOutlivesItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuck{gate: make(chan struct{}), err: io.ErrClosedPipe}
		close(w.gate)
		b := bootstrap.NewLogBuffer(w)
		log := bootstrap.NewServiceLogger(bootstrap.LogConfig{Format: bootstrap.LogText}, b)
		for range 3 {
			log.Info("lost")
			if err := b.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if b.Dropped() != 3 {
			t.Errorf("%d dropped, want 3", b.Dropped())
		}
		w.err = nil
		log.Info("read again")
		if err := b.Flush(t.Context()); err != nil || !strings.Contains(w.text.String(), "lines=3") {
			t.Errorf("%v: %s", err, &w.text)
		}
	})
}
