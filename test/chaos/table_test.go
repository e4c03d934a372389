package chaos_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tablePage is where the table of breakages is.
const tablePage = "../../docs/client-breakages.md"

// The lines around what the run writes.
const (
	tableBegins = "<!-- written by make chaos -->\n"
	tableEnds   = "<!-- end of what make chaos writes -->\n"
)

// table is what the page has of a run. Its methods may be called from several goroutines.
type table struct {
	seed   uint64
	during time.Duration

	mu    sync.Mutex
	cells map[[2]string]*cell // by breakage and browser; guarded by mu
}

// cell is what became of one breakage in one browser.
type cell struct {
	plays, held int
	number      string // of the last play
}

// newTable returns a table that is written at the test's end if CHAOS_TABLE names the page.
func newTable(t *testing.T, seed uint64, during time.Duration) *table {
	t.Helper()
	table := &table{seed: seed, during: during, cells: map[[2]string]*cell{}}
	if page := setting("CHAOS_TABLE"); page != "" {
		t.Cleanup(func() {
			if err := table.write(page); err != nil {
				t.Error(err)
			}
		})
	}
	return table
}

func (t *table) played(breakage, browser string, held bool, number string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{breakage, browser}
	if t.cells[key] == nil {
		t.cells[key] = new(cell)
	}
	c := t.cells[key]
	c.plays++
	if held {
		c.held++
	}
	if number != "" {
		c.number = number
	}
}

// write puts the table into the page, in place of the one before.
func (t *table) write(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(text), tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !begun || !ended {
		return fmt.Errorf("%s has no place for the table", page)
	}
	return os.WriteFile(page, []byte(before+tableBegins+t.markdown()+tableEnds+after), 0o600)
}

func (t *table) markdown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe last run began with the seed %d and went on for %d minutes after each breakage was played once. A cell says how many times everything held.\n\n", t.seed, int(t.during.Minutes()))
	b.WriteString("| breakage | what happens |")
	for _, known := range browsers {
		fmt.Fprintf(&b, " %s |", known.name)
	}
	b.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(browsers)) + "\n")
	for _, row := range breakages {
		fmt.Fprintf(&b, "| %s | %s |", row.name, row.what)
		for _, known := range browsers {
			fmt.Fprintf(&b, " %s |", t.text(row, known.name))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return b.String()
}

func (t *table) text(row breakage, browser string) string {
	c := t.cells[[2]string{row.name, browser}]
	switch {
	case row.notIn[browser] != "":
		return "not possible: " + row.notIn[browser]
	case c == nil:
		return "not played"
	case c.number == "":
		return fmt.Sprintf("%d of %d", c.held, c.plays)
	}
	return fmt.Sprintf("%d of %d; the last: %s", c.held, c.plays, c.number)
}

// The page has each breakage, as it is here, and no other; and none is there that did not hold.
func TestTheTableHasEveryBreakage(t *testing.T) {
	text, err := os.ReadFile(tablePage)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, row := range breakages {
		want = append(want, fmt.Sprintf("| %s | %s |", row.name, row.what))
	}
	held := regexp.MustCompile(`(\d+) of (\d+)(?: \||;)`)
	_, rest, _ := strings.Cut(string(text), tableBegins)
	inside, _, _ := strings.Cut(rest, tableEnds)
	for _, line := range regexp.MustCompile(`(?m)^\| .* \|$`).FindAllString(inside, -1) {
		cells := strings.SplitN(line, " | ", 3)
		if len(cells) < 3 || strings.HasPrefix(line, "| breakage") || strings.HasPrefix(line, "| ---") {
			continue
		}
		got = append(got, cells[0]+" | "+cells[1]+" |")
		for _, counts := range held.FindAllStringSubmatch(cells[2], -1) {
			if counts[1] != counts[2] {
				t.Errorf("%s did not hold", line)
			}
		}
		if strings.Contains(line, "not played") {
			t.Errorf("%s was not played", line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table of %s is not that of the breakages: make chaos writes it\n got %q\nwant %q", tablePage, got, want)
	}
}
