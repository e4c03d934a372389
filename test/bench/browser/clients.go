//go:build linux

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heliograph/test/bench"
	"heliograph/test/clientbundle"
)

// client is a client in a page.
type client struct {
	name     string
	settings string // what it does and what it does not, for the page
	// script is the page's in the folder of sources, and query the page's query.
	script, query string
	// npm is the package and use what a page needs of it; "" is none.
	npm, use string
	// centrifuge says that its server is peer-site.
	centrifuge bool
	reference  bool
}

// own says that it is ours.
func (c *client) own() bool { return c.script == "heliograph" }

var clients = []client{
	{
		name: "heliograph", script: "heliograph",
		settings: "shares one stream between tabs in a SharedWorker; keeps tasks, drops what is older by `seq`, takes snapshots, lists, resumes, notices silence, calls the listeners of tasks once per frame, and those of events of one's own for each event",
	},
	{
		name: "heliograph, not shared", script: "heliograph", query: "share=none",
		settings: "the same with `share: 'none'`: all of it in the page",
	},
	{
		name: "centrifuge", script: "centrifuge", npm: "centrifuge", use: "import { Centrifuge } from 'centrifuge'; globalThis.use = Centrifuge", centrifuge: true,
		settings: "WebSocket and JSON, against a server on the Go library of the same name without history; also has pings, recovery, deltas, presence, RPC and other transports. Knows no tasks: the page keeps the newest state of each, and its start is an RPC that stores nothing. Has no sharing between tabs",
	},
	{
		name: "reconnecting-eventsource", script: "reconnecting-eventsource", npm: "reconnecting-eventsource",
		use:      "import R from 'reconnecting-eventsource'; globalThis.use = R",
		settings: "against our stream; an `EventSource` that comes back after refusals, too. Knows no tasks: the page parses the data and keeps the newest state, takes no snapshot and compares no `seq`. Notices no silence, has no sharing",
	},
	{
		name: "fetch-event-source", script: "fetch-event-source", npm: "@microsoft/fetch-event-source",
		use:      "import { fetchEventSource } from '@microsoft/fetch-event-source'; globalThis.use = fetchEventSource",
		settings: "against our stream; reads with `fetch`, so that it can send headers. The same page. Closes the stream of a hidden page, which then shows nothing new. Notices no silence, has no sharing",
	},
	{
		name: "EventSource", script: "eventsource", reference: true,
		settings: "the browser's own, against our stream, with the same page: what there is without a library",
	},
}

// Subjects returns the clients, of which each round lets floods last for so long. The
// programs of the benchmarks are in bin; the pages are written to a folder there.
func Subjects(ctx context.Context, bin, root string, flood time.Duration) ([]bench.Subject, error) {
	sources := filepath.Join(root, "test/bench/browser/pages")
	if err := install(ctx, sources); err != nil {
		return nil, err
	}
	pages := filepath.Join(bin, "pages")
	if err := os.MkdirAll(pages, 0o700); err != nil {
		return nil, err
	}
	if err := makePages(clients, sources, pages); err != nil {
		return nil, err
	}
	subjects := make([]bench.Subject, len(clients))
	for i := range clients {
		c := &clients[i]
		sizes, err := c.sizes(root, sources)
		if err != nil {
			return nil, err
		}
		subjects[i] = bench.Subject{
			Name: c.name, Settings: c.settings, Ours: c.own(), Reference: c.reference,
			Version: func() string { return c.version(bin, sources) },
			Path:    "/bench/" + c.script + ".html",
			Command: func(p bench.Place) (bench.Command, error) { return c.server(bin, pages, p), nil },
			Take:    func(ctx context.Context, s *bench.Subject) (bench.Round, error) { return take(ctx, c, s, sizes, flood) },
		}
	}
	return subjects, nil
}

// server is the command of the server that has the client's page.
func (c *client) server(bin, pages string, p bench.Place) bench.Command {
	if c.centrifuge {
		return bench.Command{Args: []string{bin + "/peer-site", "-port", strconv.Itoa(p.Streams), "-pages", pages}}
	}
	return bench.Command{
		Args: []string{bin + "/site", "-pages", pages},
		Env: []string{
			"HTTP_ADDR=127.0.0.1:" + strconv.Itoa(p.Streams), "LOG_LEVEL=warn",
			"TASK_PROGRESS_RATE=0", "TASK_MAX_WORKERS=" + strconv.Itoa(2*rows), // none waits for another
		},
	}
}

// sizes are what a page loads of the client.
func (c *client) sizes(root, sources string) (map[bench.Figure]float64, error) {
	sizes := map[bench.Figure]float64{}
	add := func(minified, zipped bench.Figure, script []byte) {
		sizes[minified] += float64(len(script))
		sizes[zipped] += float64(clientbundle.Zipped(script))
	}
	if !c.own() {
		script, err := bundle(c.use, sources)
		if err == nil && c.npm != "" {
			add(bench.PageBytes, bench.PageZipped, script)
		}
		return sizes, err
	}
	scripts, err := clientbundle.Scripts(filepath.Join(root, "adapters/inbound/webclient/src"))
	if err != nil {
		return nil, err
	}
	for name, script := range scripts {
		switch {
		case strings.HasPrefix(name, "client"), strings.HasPrefix(name, "worker") && c.query != "": // then the page loads it, too
			add(bench.PageBytes, bench.PageZipped, script)
		case strings.HasPrefix(name, "worker"):
			add(bench.WorkerBytes, bench.WorkerZipped, script)
		}
	}
	return sizes, nil
}

// version is that of the package, with that of the server's library where that is another's.
func (c *client) version(bin, sources string) string {
	if c.npm == "" {
		return ""
	}
	var p struct{ Version string }
	content, err := os.ReadFile(filepath.Join(sources, "node_modules", c.npm, "package.json")) //nolint:gosec // the benchmark's own
	if err != nil || json.Unmarshal(content, &p) != nil {
		return ""
	}
	version := fmt.Sprintf("npm %s %s", c.npm, p.Version)
	if c.centrifuge {
		version += ", Go " + bench.ModuleVersion(bin+"/peer-site", "github.com/centrifugal/centrifuge")
	}
	return version
}
