package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	inlineCode  = regexp.MustCompile("`[^`]*`")
	heading     = regexp.MustCompile(`^#{1,6} +(.*?) *$`)
	linkText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, doc := range documents(t) {
		for _, target := range doc.links() {
			if problem := follow(t, doc, target); problem != "" {
				t.Errorf("%s: link to %q: %s", doc.path, target, problem)
			}
		}
	}
}

func TestEveryPageIsInTheIndex(t *testing.T) {
	indexed := map[string]bool{"README.md": true, filepath.Join("..", "README.md"): true}
	for _, target := range (document{lines: strings.Split(read(t, "README.md"), "\n")}).links() {
		path, _, _ := strings.Cut(target, "#")
		indexed[filepath.Clean(path)] = true
	}
	for _, doc := range documents(t) {
		if !indexed[doc.path] {
			t.Errorf("docs/README.md does not link to %s", doc.path)
		}
	}
}

// links returns the targets of all relative links.
func (d document) links() []string {
	_, prose := d.split()
	var targets []string
	for _, line := range prose {
		for _, match := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
			if target := match[1] + match[2]; !strings.Contains(target, ":") {
				targets = append(targets, target)
			}
		}
	}
	return targets
}

// follow returns what is wrong with a link, or "".
func follow(t *testing.T, from document, target string) string {
	t.Helper()
	path, anchor, _ := strings.Cut(target, "#")
	file := from.path
	if path != "" {
		file = filepath.Join(filepath.Dir(from.path), path)
	}
	if _, err := os.Stat(file); err != nil {
		return "no such file"
	}
	if anchor != "" && !anchors(read(t, file))[anchor] {
		return "no such heading"
	}
	return ""
}

// anchors returns the names that Markdown hosts give to a page's headings.
func anchors(text string) map[string]bool {
	_, prose := document{lines: strings.Split(text, "\n")}.split()
	names := map[string]bool{}
	for _, line := range prose {
		match := heading.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		name := anchor(match[1])
		for n, base := 1, name; names[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		names[name] = true
	}
	return names
}

func anchor(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	title = notInAnchor.ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(title, " ", "-")
}

func TestAnchorIsWhatMarkdownHostsMakeOfATitle(t *testing.T) {
	for title, want := range map[string]string{
		"What it guarantees, and does not": "what-it-guarantees-and-does-not",
		"`stream_reset`":                   "stream_reset",
		"Nodes & [brokers](x.md)":          "nodes--brokers",
	} {
		if got := anchor(title); got != want {
			t.Errorf("anchor(%q) = %q, want %q", title, got, want)
		}
	}
}
