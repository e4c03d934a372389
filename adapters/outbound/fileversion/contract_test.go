package fileversion_test

import (
	"os"
	"path/filepath"
	"testing"

	"heliograph/adapters/outbound/fileversion"
	"heliograph/test/contract/versionsourcecontract"
)

const says = `{"version":"1.4.2","changelog":"new"}`

func TestSourceContract(t *testing.T) {
	t.Parallel()
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		path := filepath.Join(t.TempDir(), "version.json")
		write(t, path, says)
		return versionsourcecontract.Subject{
			Source: fileversion.New(path),
			Says:   says,
			Say:    func(t *testing.T, payload string) { write(t, path, payload) },
			Break: func(t *testing.T) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func write(t *testing.T, path, payload string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
}
