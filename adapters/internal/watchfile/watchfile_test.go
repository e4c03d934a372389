package watchfile_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/internal/watchfile"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChangesCountWhenTheyStay(t *testing.T) { // A3, A5
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, "1")
		var reported []string
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go watchfile.Follow(ctx, path, []byte("1"), func(content []byte, err error) {
			if err != nil {
				content = []byte(err.Error())
			}
			reported = append(reported, string(content))
		})
		step := func(content string, d time.Duration) {
			if content == "-" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, content)
			}
			<-time.After(d)
			synctest.Wait()
		}
		step("1", 5*time.Second)
		step("2", 1500*time.Millisecond) // half written
		step("23", 5*time.Second)
		step("-", 5*time.Second)
		step("23", 5*time.Second) // it is there again, and says so
		step("", 5*time.Second)
		if got, want := strings.Join(reported, "|"), "23|no such file or directory|23|"; got != want {
			t.Errorf("reported were %q, want %q", got, want)
		}
	})
}

func TestOnlySmallRegularFilesAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	write(t, large, strings.Repeat("x", watchfile.MaxBytes+1))
	for path, want := range map[string]string{
		dir: "it is no regular file", large: "it has more than 1048576 bytes", "/dev/zero": "it is no regular file",
		filepath.Join(dir, "none"): "no such file or directory",
	} {
		if _, err := watchfile.Read(path); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
