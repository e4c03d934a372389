//go:build linux

package bench

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// outputTolerance is how much what others get may differ with the output.
const outputTolerance = 0.02

// comparison is one line of the output's table.
type comparison struct {
	title  string
	figure Figure
	show   func(float64) string
	aim    bool // it has to be within outputTolerance
}

var outputComparisons = []comparison{
	{title: "CPU of the service, in percent of a core", figure: ServerCPU, show: seconds},
	{title: "of it the output's, as measured elsewhere", figure: OutputCPU, show: hundredths},
	{title: "**CPU without the output's**", figure: OthersCPU, show: seconds, aim: true},
	{title: "p50 of the deliveries", figure: PacedP50, show: millisFine},
	{title: "**p99 of the deliveries**", figure: PacedP99, show: millisFine, aim: true},
	{title: "**events in the log**", figure: HeldEvents, show: whole, aim: true},
	{title: "bytes in the log", figure: HeldBytes, show: whole},
	{title: "deliveries lost", figure: Lost, show: whole},
	{title: "bytes printed a second", figure: PrintedBytes, show: whole},
	{title: "bytes lost on the way to the one that follows", figure: LostBytes, show: whole},
}

func millisFine(v float64) string { return fmt.Sprintf("%.1f ms", v) }

// output writes the table of RunOutput.
func (r Results) output(b *strings.Builder) {
	fmt.Fprintf(b, `One service has %s streams, and one that follows a task. Events go to all of them, %d a second, for %s at a time: while
nothing is printed; while a task of *another* service on the same machine prints 1 MB/s, and a stream there follows it; and while the task *here* prints that. The order changes from round to round.
The figures are medians, and ratios are medians of the rounds' own, with the quartiles in brackets. What should differ by at most
2 %% is reached, or missed, if both quartiles say so. Printing elsewhere keeps the processors as busy as printing here, so *here / elsewhere* is what sharing the service costs.

`, humanize.Comma(int64(r.Options.Sizes[0])), outputRate, r.Options.Paced)
	b.WriteString("| | nothing printed | printed elsewhere | printed here | here / nothing | here / elsewhere |\n|" + strings.Repeat(" --- |", 6) + "\n") //nolint:mnd // columns
	for _, c := range outputComparisons {
		fmt.Fprintf(b, "| %s |", c.title)
		for _, at := range everywhere() {
			fmt.Fprintf(b, " %s |", c.median(r.Output, at))
		}
		fmt.Fprintf(b, " %s | %s |\n", c.ratio(r.Output, nowhere), c.ratio(r.Output, elsewhere))
	}
	b.WriteString("\n")
}

func (c comparison) median(rounds []map[Where]Round, at Where) string {
	var all []float64
	for _, round := range rounds {
		if v, ok := round[at].Figures[c.figure]; ok {
			all = append(all, v)
		}
	}
	if all == nil {
		return "–"
	}
	return c.show(middle(all))
}

// ratio is that of printing here to another place.
func (c comparison) ratio(rounds []map[Where]Round, to Where) string {
	var all []float64
	for _, round := range rounds {
		if v := round[to].Figures[c.figure]; v > 0 && c.figure != PrintedBytes {
			all = append(all, round[here].Figures[c.figure]/v)
		}
	}
	if all == nil || c.figure == OutputCPU {
		return "–"
	}
	m := middle(all)                                // sorts
	low, high := all[len(all)/4], all[len(all)*3/4] //nolint:mnd // quartiles
	text := fmt.Sprintf("%.3f [%.3f, %.3f]", m, low, high)
	if !c.aim {
		return text
	}
	if c.figure == HeldEvents { // of which more is better
		low, high = 2-high, 2-low //nolint:mnd // mirrored at 1
	}
	switch most := 1 + outputTolerance; {
	case high <= most:
		return text + ": reached"
	case low > most:
		return text + ": **missed**"
	}
	return text + ": not decided"
}
