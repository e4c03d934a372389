package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heliograph/test/chaos/check"
)

// printing is a type of tasks whose worker is the harness.
const printing = "tasks:\n  print:\n    worker: {lease: 2m}\n"

// printer is a worker whose task prints, and who knows what was printed.
type printer struct {
	id, lease string
	printed   strings.Builder
}

// withPrinting is the environment of a service that has such tasks.
func (w *world) withPrinting() string {
	path := filepath.Join(w.t.TempDir(), "tasks.yaml")
	must(os.WriteFile(path, []byte(printing), 0o600))
	return "TASKS_FILE=" + path
}

// startPrinting starts a task that prints, and has each tab read that.
func (w *world) startPrinting() {
	var started struct {
		ID    string `json:"task_id"`
		Lease string
	}
	_, err := w.service.ask(w.ctx, http.MethodPost, "/api/tasks", map[string]any{"type": "print", "claim": true}, &started)
	must(err)
	w.output = &printer{id: started.ID, lease: started.Lease}
	for _, t := range w.tabs {
		w.read(t)
	}
}

// read has a tab read from the beginning what the task prints.
func (w *world) read(t tab) { w.eval(t, fmt.Sprintf("chaos.read(%q)", w.output.id)) }

// print prints so many pieces, each of up to so many bytes, with characters of all lengths. Each
// is said again until it is answered, as a worker does.
func (w *world) print(pieces, bytes int) {
	p := w.output
	for range pieces {
		var text strings.Builder
		for size := 1 + w.below(bytes); text.Len() < size; {
			_, _ = fmt.Fprintf(&text, "line at %d %s\n", p.printed.Len()+text.Len(), strings.Repeat("ü€😀x", w.below(9)))
		}
		path := fmt.Sprintf("/api/tasks/%s/output?lease=%s&offset=%d", p.id, p.lease, p.printed.Len())
		must(until(w.ctx, waitLimit, func(ctx context.Context) error {
			_, err := w.service.ask(ctx, http.MethodPost, path, text.String(), nil)
			return err
		}))
		p.printed.WriteString(text.String())
		w.traffic(1)
	}
}

// complete ends the task that prints.
func (w *world) complete() {
	_, err := w.service.ask(w.ctx, http.MethodPost, "/api/tasks/"+w.output.id+"/complete", map[string]any{"lease": w.output.lease}, nil)
	must(err)
}

// outputs has what a task prints be read while everything breaks.
func (w *world) outputs() {
	w.begin("DATA_DIR="+w.t.TempDir(), "TASK_OUTPUT_BYTES=64KiB", w.withPrinting())
	how := []string{"", "worker=no"}[w.below(2)]
	w.open(3, how)
	w.startPrinting()
	w.print(5, 2000)
	w.site.breakNow("cut")
	w.cutNow()
	w.print(12, 3000)
	w.site.repair()
	w.killHub(how)
	w.print(4, 5000)
	w.service.kill()
	w.traffic(2)
	must(w.service.start(w.ctx))
	w.print(4, 5000)
	w.site.breakNow("stall") // for longer than what is kept
	w.print(6, 60_000)
	w.site.repair()
	w.open(1, how)
	w.read(w.tabs[len(w.tabs)-1])
	w.print(4, 5000)
	w.complete()
	for _, t := range w.tabs {
		w.await(t, "what the task prints comes to its end", func(s state) bool { return s.Reading == 0 })
	}
	w.number = fmt.Sprintf("%d bytes; the tabs together were told of %d that are lost", w.output.printed.Len(), w.gaps())
}

// killHub kills what holds the stream: the worker, or the tab that leads.
func (w *world) killHub(how string) {
	ctx, cancel := w.in()
	defer cancel()
	if how == "" {
		must(w.browser.killWorker(ctx, w.any()))
		return
	}
	i := w.leader()
	must(w.tabs[i].kill(ctx))
	w.tabs = slices.Delete(w.tabs, i, i+1)
}

// gaps returns how many bytes the tabs were told that they miss.
func (w *world) gaps() (bytes int) {
	for _, p := range w.records() {
		for _, r := range p.Records {
			if r.Kind == check.Output {
				bytes += r.Gap
			}
		}
	}
	return bytes
}
