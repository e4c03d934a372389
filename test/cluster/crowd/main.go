// Command crowd is many browsers behind a load balancer: it holds event streams
// on the nodes that are ready, comes back when one ends, not before its retry says
// to, and watches that nothing is missing. It is a process of its own because the
// race detector bears no test with that many goroutines.
//
// Twice a second it writes what it knows, a Report as a line of JSON, on its
// standard output. It ends when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	urls := flag.String("urls", "", "URLs of the nodes, with commas between them")
	streams := flag.Int("streams", 1000, "how many streams")
	flag.Parse()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	c := newCrowd(strings.Split(*urls, ","))
	var running sync.WaitGroup
	running.Go(func() { c.balancer.Watch(ctx) })
	for i := range *streams {
		running.Go(func() { c.browse(ctx, i) })
	}
	writeReports(ctx, c)
	running.Wait()
}

// writeReports writes reports until ctx ends.
func writeReports(ctx context.Context, c *crowd) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for out := json.NewEncoder(os.Stdout); ; {
		select {
		case <-tick.C:
			if out.Encode(c.report()) != nil {
				return // nothing reads it
			}
		case <-ctx.Done():
			return
		}
	}
}
