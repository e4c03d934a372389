package canary_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A canary is "cnry-<whom it is for>-<field>-<number>". For everyone it is "all".

// canary returns a canary of a field.
func canary(audience, field string, n int) string {
	return fmt.Sprintf("cnry-%s-%s-%d", audience, field, n)
}

var canaries = regexp.MustCompile(`cnry-([a-z0-9]+)-([a-z]+)-\d+`)

// foreign returns the canaries in text that are not for any of the audiences.
func foreign(text string, audiences []string) (found []string) {
	for _, match := range canaries.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(audiences, match[1]) {
			found = append(found, match[0])
		}
	}
	return found
}

// leaks are what the checker has found. It is safe for concurrent use.
type leaks struct {
	mu    sync.Mutex
	found map[string][]string // by canary: where it was seen; guarded by mu
}

func newLeaks() *leaks { return &leaks{found: map[string][]string{}} }

// check looks through what a viewer of these audiences was sent.
func (l *leaks) check(where, text string, audiences []string) {
	if audiences == nil {
		return
	}
	for _, c := range foreign(text, audiences) {
		l.add(c, where)
	}
}

func (l *leaks) add(what, where string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found[what] = append(l.found[what], where)
}

// report returns the first few leaks, a line each; "" if there are none.
func (l *leaks) report() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for c, where := range l.found {
		lines = append(lines, fmt.Sprintf("%s was seen in %s", c, where[0]))
	}
	slices.Sort(lines)
	const enough = 10
	if len(lines) > enough {
		lines = append(lines[:enough], fmt.Sprintf("and %d others", len(lines)-enough))
	}
	return strings.Join(lines, "\n")
}
