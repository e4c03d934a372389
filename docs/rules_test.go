package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	ruleDefinition = regexp.MustCompile(`(?m)^- \*\*([A-Z][0-9]{1,2})\*\* `)
	ruleGroup      = regexp.MustCompile(`(?m)^## ([A-Z]): `)
)

// citing are the kinds of files whose texts cite rules.
var citing = map[string]bool{".go": true, ".md": true, ".js": true, ".mjs": true, ".ts": true, ".py": true, ".yaml": true}

func TestEveryRuleThatIsCitedIsDefined(t *testing.T) {
	defined, citations := definedRules(t), citedRules(t)
	for _, rule := range slices.Sorted(maps.Keys(citations)) {
		if !defined[rule] {
			t.Errorf("rules.md does not define %s, which is cited in %s", rule, citations[rule][0])
		}
	}
}

func TestEveryRuleIsCitedByATest(t *testing.T) {
	citations := citedRules(t)
	for rule := range definedRules(t) {
		if !slices.ContainsFunc(citations[rule], isTest) {
			t.Errorf("no test cites rule %s", rule)
		}
	}
}

func definedRules(t *testing.T) map[string]bool {
	t.Helper()
	defined := map[string]bool{}
	for _, match := range ruleDefinition.FindAllStringSubmatch(read(t, "rules.md"), -1) {
		if defined[match[1]] {
			t.Errorf("rules.md defines %s twice", match[1])
		}
		defined[match[1]] = true
	}
	if len(defined) == 0 {
		t.Fatal("rules.md defines no rules")
	}
	return defined
}

// citedRules returns the files of the repository that cite each rule. Rules of
// a group that rules.md does not have are not looked for: their letters mean
// something else.
func citedRules(t *testing.T) map[string][]string {
	t.Helper()
	groups := ""
	for _, match := range ruleGroup.FindAllStringSubmatch(read(t, "rules.md"), -1) {
		groups += match[1]
	}
	citation := regexp.MustCompile(`\b[` + groups + `][0-9]{1,2}\b`)
	citations := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !citing[filepath.Ext(name)] || name == "rules.md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, rule := range citation.FindAllString(string(text), -1) {
			if files := citations[rule]; len(files) == 0 || files[len(files)-1] != path {
				citations[rule] = append(files, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return citations
}

// isTest reports whether a file is a test, or part of what tests are made of.
func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") || strings.Contains(path, ".test.") || strings.HasPrefix(path, filepath.Join("..", "test"))
}
