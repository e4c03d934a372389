//go:build linux

package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The figures of clients in a browser.
const (
	PageBytes    Figure = "page_minified_bytes"
	PageZipped   Figure = "page_gzip_bytes"
	WorkerBytes  Figure = "worker_minified_bytes"
	WorkerZipped Figure = "worker_gzip_bytes"

	StartToPaint     Figure = "start_to_paint_ms"
	StartToPaintMost Figure = "start_to_paint_max_ms"
	LoadToPaint      Figure = "load_to_paint_ms"

	PageHeapIdle   Figure = "page_heap_idle_bytes"
	PageHeap       Figure = "page_heap_after_floods_bytes"
	WorkerHeapIdle Figure = "worker_heap_idle_bytes"
	WorkerHeap     Figure = "worker_heap_after_floods_bytes"

	TabStreams   Figure = "streams_of_seven_tabs"
	TabsShow     Figure = "tabs_that_show_an_event"
	TabsAnswered Figure = "tabs_whose_request_is_answered"
)

// Flood is a kind of 10,000 events a second in a page.
type Flood string

// The floods.
const (
	OwnFlood  Flood = "own_events"
	TaskFlood Flood = "task_progress"
)

// Arrived is how many events a second came to the page.
func (f Flood) Arrived() Figure { return Figure(f + "_per_second") }

// Frames is how many a second the page drew.
func (f Flood) Frames() Figure { return Figure(f + "_frames_per_second") }

// Main is the CPU time of the page's main thread, in milliseconds a second, as all that follow.
func (f Flood) Main() Figure { return Figure(f + "_main_thread_ms_per_second") }

// Worker is that of the SharedWorker's thread.
func (f Flood) Worker() Figure { return Figure(f + "_worker_ms_per_second") }

// Process is that of the page's process, of which both are threads.
func (f Flood) Process() Figure { return Figure(f + "_process_ms_per_second") }

// Others is that of the browser's other processes but for those of other pages.
func (f Flood) Others() Figure { return Figure(f + "_others_ms_per_second") }

// ForClients measures clients in a browser in some ten minutes. Each flood is looked at for
// as long as Paced.
func ForClients() Options {
	return Options{Clients: true, Sizes: []int{1}, Rounds: 3, Paced: 4 * time.Second}
}

// clientPart is one table of the page.
type clientPart struct {
	title   string
	text    string
	columns []column
}

var clientParts = []clientPart{
	{
		"What a page loads",
		"Of the client alone, minified by esbuild and compressed with gzip. The worker is loaded once per browser, beside the page.",
		[]column{
			{title: "minified", figure: PageBytes, show: kilobytes, relative: true},
			{title: "gzip", figure: PageZipped, show: kilobytes, relative: true},
			{title: "worker, minified", figure: WorkerBytes, show: kilobytes, plain: true},
			{title: "worker, gzip", figure: WorkerZipped, show: kilobytes, plain: true},
		},
	},
	{"10,000 events of one's own a second", "Each is JSON of 50 bytes, and new for one of 100 rows that the page draws once per frame.", floodColumns(OwnFlood)},
	{
		"10,000 progress events of 100 tasks a second",
		"Each is a `task_event` of 280 bytes. heliograph makes views of tasks of them, and tells the page once per frame; the others hand over each event, and the page keeps the newest of each task.",
		floodColumns(TaskFlood),
	},
	{
		"Memory",
		"Of the JavaScript heap after garbage was collected: before the floods, and after both.",
		[]column{
			{title: "page, idle", figure: PageHeapIdle, show: kilobytes, relative: true},
			{title: "page, after", figure: PageHeap, show: kilobytes, relative: true},
			{title: "worker, idle", figure: WorkerHeapIdle, show: kilobytes, plain: true},
			{title: "worker, after", figure: WorkerHeap, show: kilobytes, plain: true},
		},
	},
	{
		"From a start to the first progress on the screen",
		"In a page whose stream is open: from the call to the frame that shows the first progress, fifteen times in a row. In a new page with nothing in the cache: from the navigation to that frame.",
		[]column{
			{title: "stream open, median", figure: StartToPaint, show: millis, relative: true},
			{title: "most", figure: StartToPaintMost, show: millis, plain: true},
			{title: "new page", figure: LoadToPaint, show: millis, relative: true},
		},
	},
	{
		"Seven tabs",
		"Of one origin, over HTTP/1.1, where browsers open six connections to a host.",
		[]column{
			{title: "streams", figure: TabStreams, show: whole},
			{title: "tabs that show an event", figure: TabsShow, show: whole, most: true},
			{title: "tabs whose next request is answered", figure: TabsAnswered, show: whole, most: true},
		},
	},
}

func floodColumns(f Flood) []column {
	return []column{
		{title: "arrived a second", figure: f.Arrived(), show: whole, plain: true},
		{title: "frames a second", figure: f.Frames(), show: whole, plain: true},
		{title: "main thread", figure: f.Main(), show: whole, relative: true},
		{title: "worker's thread", figure: f.Worker(), show: whole, plain: true},
		{title: "the page's process", figure: f.Process(), show: whole, relative: true},
		{title: "the browser's others", figure: f.Others(), show: whole, plain: true},
	}
}

// clients writes a table for each part.
func (r Results) clients(b *strings.Builder) {
	rows := r.rows(slices.Max(r.Options.Sizes))
	for _, p := range clientParts {
		fmt.Fprintf(b, "## %s\n\n%s\n\n", p.title, p.text)
		table(b, p.columns, rows)
		b.WriteString(peersAhead(p.columns, rows))
	}
}

// tie says that two figures are the same but for the noise.
const tie = 0.1

// peersAhead says where peers are ahead of the first row, which is ours.
func peersAhead(cols []column, rows []row) string {
	var all []string
	for _, c := range cols {
		ours, ok := rows[0].round.Figures[c.figure]
		if c.plain || !ok {
			continue
		}
		var better []string
		for _, r := range rows {
			v, ok := r.round.Figures[c.figure]
			if ok && !r.outcome.Ours && !r.outcome.Reference && c.better(v, ours) && max(v, ours) > (1+tie)*min(v, ours) {
				better = append(better, fmt.Sprintf("%s (%s)", r.outcome.Name, c.show(v)))
			}
		}
		if better != nil {
			all = append(all, fmt.Sprintf("%s at %s (%s)", strings.Join(better, ", "), c.title, c.show(ours)))
		}
	}
	if all == nil {
		return "No peer is ahead of heliograph here by more than 10 %.\n\n"
	}
	return "**Ahead of heliograph:** " + strings.Join(all, "; ") + ".\n\n"
}
