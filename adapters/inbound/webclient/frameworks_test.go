package webclient_test

import (
	"path/filepath"
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
			runTests(t, filepath.Join("test", variant.folder), func(path string) ([]byte, error) {
				return clientbundle.PageTest(path, packages, variant.alias, "happy-dom")
			}, "--test-force-exit")
		})
	}
}
