//go:build linux

package bench

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// titles are the headings of the pages, by the names of the files.
var titles = map[string]string{
	"own":     "Measured: the embedded gateway and the machine's limit",
	"peers":   "Measured: the embedded gateway and its peers",
	"gateway": "Measured: a gateway in a process of its own",
	"tasks":   "Measured: tasks",
	"cluster": "Measured: brokers and nodes",
	"output":  "Measured: the output of a task, and the streams beside it",
	"client":  "Measured: clients in a browser",
}

// Markdown returns the page of the results: tables, what they say, and what
// they were made with. The names of the plots' files begin with name.
func (r Results) Markdown(name string) string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "# %s\n\nThis page is generated: do not edit it. [Benchmarks](README.md) says what the columns mean.\n\n", cmp.Or(titles[name], "Measured"))
	fmt.Fprintf(b, "%s, %s, %d cores, %s, %s, commit %s. Made by `%s`: medians of %d rounds.\n\n",
		r.When.Format("2 January 2006"), r.Machine.Processor, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go, r.Machine.Commit,
		r.Command, r.Options.Rounds)
	switch {
	case r.Options.Output:
		r.output(b)
	case r.Options.Cluster:
		r.cluster(b)
	case r.Options.Clients:
		r.clients(b)
	default:
		r.tables(b)
	}
	r.recovery(b)
	r.pictures(b, name)
	r.settings(b)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// downwards are the sizes, the largest first.
func (r Results) downwards() iter.Seq2[int, int] {
	return slices.Backward(slices.Sorted(slices.Values(r.Options.Sizes)))
}

func (r Results) tables(b *strings.Builder) {
	for _, size := range r.downwards() {
		fmt.Fprintf(b, "## %s connections%s\n\n", humanize.Comma(int64(size)), r.fewer(size))
		if r.Options.Tasks {
			table(b, taskColumns, r.rows(size))
			continue
		}
		table(b, columns, r.rows(size))
		r.ahead(b, columns, r.rows(size))
		against(b, r.rows(size), size == slices.Max(r.Options.Sizes))
	}
}

func (r Results) pictures(b *strings.Builder, plots string) {
	if r.Options.Tasks || r.Options.Output || r.Options.Clients {
		return
	}
	for _, p := range r.plots() {
		fmt.Fprintf(b, "![%s](%s-%s.svg)\n\n", p.Title, plots, p.Name)
	}
	r.checks(b)
}

// fewer says that a size has not got all rounds.
func (r Results) fewer(size int) string {
	if below := r.Options.Below; below > 0 && size < slices.Max(r.Options.Sizes) {
		return fmt.Sprintf(" (rounds: %d)", below)
	}
	return ""
}

func (r Results) rows(size int) []row {
	var rows []row
	for i := range r.Subjects {
		if round, ok := r.Subjects[i].BySize[size]; ok {
			rows = append(rows, row{&r.Subjects[i], round})
		}
	}
	return rows
}

// ahead says in which columns a peer is better than heliograph. It writes
// nothing where there is no peer.
func (r Results) ahead(b *strings.Builder, cols []column, rows []row) {
	ours := slices.IndexFunc(rows, func(r row) bool { return r.outcome.Ours })
	peer := slices.ContainsFunc(rows, func(r row) bool { return !r.outcome.Ours && !r.outcome.Reference })
	if ours < 0 || !peer {
		return
	}
	var better []string
	for _, c := range cols {
		if best := c.best(rows); best != nil && !best.outcome.Ours {
			better = append(better, fmt.Sprintf("%s at %s (%s against %s)", best.outcome.Name, c.title,
				c.show(best.round.Figures[c.figure]), c.show(rows[ours].round.Figures[c.figure])))
		}
	}
	if better == nil {
		b.WriteString("No peer is ahead of heliograph in any column.\n\n")
		return
	}
	fmt.Fprintf(b, "Ahead of heliograph: %s.\n\n", strings.Join(better, "; "))
}

func (r Results) recovery(b *strings.Builder) {
	var rows []row
	for i := range r.Subjects {
		if len(r.Subjects[i].Recovery.Figures) > 0 {
			rows = append(rows, row{&r.Subjects[i], r.Subjects[i].Recovery})
		}
	}
	if rows == nil {
		return
	}
	fmt.Fprintf(b, "## Coming back\n\nOne client that has missed %s events; %s clients at once that have missed %d each; as many at once after a restart.\n\n",
		humanize.Comma(int64(r.Options.Missed)), humanize.Comma(int64(slices.Max(r.Options.Sizes))), missedByAll)
	table(b, recoveryColumns, rows)
	r.ahead(b, recoveryColumns, rows)
}

func (r Results) checks(b *strings.Builder) {
	size := slices.Max(r.Options.Sizes)
	fmt.Fprintf(b, "## Was it the server that was measured?\n\nThe generator's side at %s connections.\n\n", humanize.Comma(int64(size)))
	table(b, checkColumns, slices.DeleteFunc(r.rows(size), func(r row) bool { _, ok := r.round.Figures[InFlight]; return !ok }))
}

func (r Results) settings(b *strings.Builder) {
	if len(r.Subjects) > 0 {
		b.WriteString("## Versions and settings\n\n")
	}
	for _, o := range r.Subjects {
		fmt.Fprintf(b, "- **%s**", o.Name)
		if o.Version != "" {
			fmt.Fprintf(b, " (%s)", o.Version)
		}
		fmt.Fprintf(b, ": %s.\n", o.Settings)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Missing)) {
		fmt.Fprintf(b, "- **%s** was not measured: %s.\n", name, r.Missing[name])
	}
}
