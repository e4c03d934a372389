package fileversion_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heliograph/adapters/outbound/fileversion"
	"heliograph/domain/version"
)

func TestAFileThatIsNotSmallAndRegularIsUnavailable(t *testing.T) { // V6
	t.Parallel()
	for name, create := range map[string]func(t *testing.T, path string) error{
		"nothing":  func(*testing.T, string) error { return nil },
		"a folder": func(_ *testing.T, path string) error { return syscall.Mkdir(path, 0o700) },
		"a named pipe without a writer": func(_ *testing.T, path string) error {
			return syscall.Mkfifo(path, 0o600)
		},
		"a file over the limit": func(t *testing.T, path string) error {
			write(t, path, says+strings.Repeat(" ", 1<<20))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "version.json")
			if err := create(t, path); err != nil {
				t.Fatal(err)
			}
			_, err := fileversion.New(path).Current(t.Context(), time.Second)
			if !errors.Is(err, version.ErrUnavailable) || !strings.Contains(err.Error(), path) {
				t.Errorf("Current: %v, want %v that names the file", err, version.ErrUnavailable)
			}
		})
	}
}
