package docs_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// compiled are the languages whose samples must be part of a file that is
// compiled or checked elsewhere.
var compiled = map[string]bool{"go": true, "js": true, "ts": true, "tsx": true, "html": true}

func TestEverySampleIsWhatItsFileSays(t *testing.T) {
	for _, doc := range documents(t) {
		blocks, _ := doc.split()
		for _, b := range blocks {
			switch {
			case b.from != "":
				if file := filepath.Join(filepath.Dir(doc.path), b.from); !holds(read(t, file), b.text) {
					t.Errorf("%s:%d: %s does not hold this sample", doc.path, b.line, b.from)
				}
			case compiled[b.language]:
				t.Errorf("%s:%d: a sample in %s needs a file, named above it by <!-- from: path -->", doc.path, b.line, b.language)
			}
		}
	}
}

func TestEveryJSONBlockIsJSON(t *testing.T) {
	for _, doc := range documents(t) {
		blocks, _ := doc.split()
		for _, b := range blocks {
			if b.language == "json" && !json.Valid([]byte(b.text)) {
				t.Errorf("%s:%d: not valid JSON", doc.path, b.line)
			}
		}
	}
}

// holds reports whether sample is a run of lines of the file, which may be
// indented there.
func holds(file, sample string) bool {
	return strings.Contains(withoutIndent(file), withoutIndent(sample))
}

func withoutIndent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimLeft(line, " \t"))
	}
	return out.String()
}
