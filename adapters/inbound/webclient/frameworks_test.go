package webclient_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/test/clientbundle"
)

// The hooks and the elements run in node with a document of happy-dom, the hooks with each
// major version of React that they are for.
func TestHooksAndElementsDoWhatTheRulesSay(t *testing.T) { // B17, B18, B19
	packages := modules(t)
	variants := map[string]struct {
		folder string
		alias  map[string]string
	}{
		"elements": {"elements", nil},
		"React 19": {"react", nil},
		"React 18": {"react", map[string]string{"react": "react-18", "react-dom": "react-dom-18"}},
	}
	for name, variant := range variants {
		t.Run(name, func(t *testing.T) {
			tests, err := filepath.Glob(filepath.Join("test", variant.folder, "*.test.ts"))
			if err != nil || len(tests) == 0 {
				t.Fatalf("there are no tests of %s: %v", name, err)
			}
			dir := t.TempDir()
			args := []string{"--test", "--test-force-exit", "--enable-source-maps"}
			for _, path := range tests {
				module, err := clientbundle.PageTest(path, packages, variant.alias, "happy-dom")
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				built := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".ts")+".mjs")
				if err := os.WriteFile(built, module, 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, built)
			}
			run(t, "", "node", args...)
		})
	}
}
