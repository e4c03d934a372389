package natsbroker_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
)

// reopen opens the folder and its stream and bucket, and returns what is said of
// them.
func reopen(t *testing.T, dir string) (logged []string) {
	t.Helper()
	log := slog.New(onMessage{t, func(text string) {
		if strings.HasPrefix(text, "stream ") {
			logged = append(logged, text)
		}
	}})
	b, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: dir, Name: "node-1"}, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stream(t.Context(), anyStream); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Bucket(t.Context(), "b", -1); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return logged
}

func TestWhatADamagedFolderHasLostIsLoggedOnce(t *testing.T) { // 35, L23
	const each = 30
	for name, c := range map[string]struct {
		damage func(t *testing.T, streams string)
		want   []string // expressions, one for each message
	}{
		"nothing": {func(*testing.T, string) {}, nil},
		"a stream's folder is missing": {
			func(t *testing.T, streams string) { must(t, os.RemoveAll(filepath.Join(streams, "s"))) },
			[]string{`missing in the data folder and was made anew.* stream=s held=30 `},
		},
		"a bucket's folder is missing": {
			func(t *testing.T, streams string) { must(t, os.RemoveAll(filepath.Join(streams, "KV_b"))) },
			[]string{`missing in the data folder and was made anew.* stream=KV_b held=25 `}, // one for each key, those that were deleted included
		},
		"the newest block is torn": {
			func(t *testing.T, streams string) {
				block := blocks(t, streams, "s")[0]
				info, err := os.Stat(block)
				must(t, err)
				must(t, os.Truncate(block, info.Size()/2))
			},
			[]string{`damaged.* stream=s held=30 .* lost=1[0-9] `},
		},
		"a bit of a block whose index is gone is wrong": {
			func(t *testing.T, streams string) {
				block := blocks(t, streams, "s")[0]
				text, err := os.ReadFile(block)
				must(t, err)
				text[len(text)/2] ^= 1
				must(t, os.WriteFile(block, text, 0o600))
				must(t, os.Remove(filepath.Join(filepath.Dir(block), "index.db")))
			},
			[]string{`damaged.* stream=s held=30 .* lost=1[0-9] `},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fillFolder(t, dir, each)
			c.damage(t, filepath.Join(dir, "jetstream/$G/streams"))
			logged := reopen(t, dir)
			match := func(text, want string) bool { return regexp.MustCompile(want).MatchString(text) }
			if !slices.EqualFunc(logged, c.want, match) {
				t.Errorf("it logged %q, want %q", logged, c.want)
			}
			if again := reopen(t, dir); len(again) > 0 {
				t.Errorf("at the next start it was logged again: %q", again)
			}
		})
	}
}

// fillFolder writes so many messages to a stream, and keys to a bucket, some of which
// it deletes.
func fillFolder(t *testing.T, dir string, messages int) {
	t.Helper()
	b := brokertest.Open(t, natsbroker.Config{Dir: dir})
	_, err := b.Stream(t.Context(), anyStream)
	must(t, err)
	kv, err := b.Bucket(t.Context(), "b", -1)
	must(t, err)
	for i := range messages {
		_, err := b.JetStream().Publish(t.Context(), "s", make([]byte, 1000))
		must(t, err)
		if i < 25 {
			_, err = kv.Put(t.Context(), fmt.Sprint("k", i), make([]byte, 1000))
			must(t, err)
		}
		if i >= 25 {
			must(t, kv.Purge(t.Context(), fmt.Sprint("k", i-25), 0))
		}
	}
	must(t, b.Close())
}

func blocks(t *testing.T, streams, stream string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(streams, stream, "msgs", "*.blk"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
