package bootstrap_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"heliograph/bootstrap"
)

func TestLogFormats(t *testing.T) {
	for format, want := range map[bootstrap.LogFormat]string{
		bootstrap.LogText: "level=WARN msg=slow took=1.5s\n",
		bootstrap.LogJSON: `"level":"WARN","msg":"slow","took":"1.5s"}` + "\n",
	} {
		var out bytes.Buffer
		log := bootstrap.NewLogger(bootstrap.LogConfig{Level: bootstrap.LevelWarn, Format: format}, &out)
		log.Info("unimportant")
		log.Warn("slow", slog.Duration("took", 1500*time.Millisecond))
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want one line that ends with %q", format, got, want)
		}
	}
}

func TestLogLevels(t *testing.T) {
	all := []bootstrap.LogLevel{bootstrap.LevelDebug, bootstrap.LevelInfo, bootstrap.LevelWarn, bootstrap.LevelError}
	for i, level := range all {
		var out bytes.Buffer
		log := bootstrap.NewLogger(bootstrap.LogConfig{Level: level, Format: bootstrap.LogText}, &out)
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if got, want := strings.Count(out.String(), "\n"), len(all)-i; got != want {
			t.Errorf("%s: %d of 4 lines, want %d", level, got, want)
		}
	}
}
