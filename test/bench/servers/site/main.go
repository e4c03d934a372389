// Command site is the service with what a page in a browser is measured with: the page's files
// under /bench/, a type of tasks that reports at a steady rate, and POST /bench/flood, which
// publishes events of one's own. It is configured like heliograph.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/appevent"
	"heliograph/domain/task"
	"heliograph/test/bench/servers/service"
)

func main() {
	pages := flag.String("pages", "", "folder of the files under /bench/")
	flag.Parse()
	service.Run("site",
		fx.Provide(fx.Annotate(func() task.Type { return task.Type{Name: "work", Handler: work{}} }, fx.ResultTags(bootstrap.TaskTypes))),
		fx.Decorate(func(service http.Handler, events appevent.Service) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/", service)
			mux.Handle("/bench/", http.StripPrefix("/bench/", http.FileServer(http.Dir(*pages))))
			mux.HandleFunc("POST /bench/flood", func(w http.ResponseWriter, r *http.Request) { flood(w, r, events) })
			return mux
		}))
}

// order is the body of a flood: so many events a second, of so many rows, for so long.
type order struct {
	Rate, Seconds float64
	Rows          int
}

// step is how often something is published: what is due is published together.
const step = 2 * time.Millisecond

// pace calls publish with 0, 1, … as often as rate asks for, in events a second, for some time
// or until ctx ends or publish fails. It returns how often that was.
func pace(ctx context.Context, rate, seconds float64, publish func(n int) error) (n int, err error) {
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	for begun := time.Now(); ; {
		due := min(time.Since(begun).Seconds(), seconds) * rate
		for ; float64(n) < due; n++ {
			if err := publish(n); err != nil {
				return n, err
			}
		}
		if float64(n) >= seconds*rate {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-ticks.C:
		}
	}
}

// flood publishes events to everyone and answers with how many.
func flood(w http.ResponseWriter, r *http.Request, events appevent.Service) {
	var o order
	err := json.NewDecoder(r.Body).Decode(&o)
	if err == nil && o.Rows < 1 {
		err = fmt.Errorf("%d rows", o.Rows)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx := r.Context()
	n, err := pace(ctx, o.Rate, o.Seconds, func(n int) error {
		at := float64(n) / (o.Rate * o.Seconds)
		data := fmt.Appendf(nil, `{"id":"%d","value":%.4f,"text":"row %d"}`, n%o.Rows, at, n)
		_, err := events.Publish(ctx, appevent.Request{Name: "row", Data: data})
		return err
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(n)
}

// work is a task that reports its progress so many times a second, the first time at once.
type work struct{}

func (work) Check(params json.RawMessage) error { return json.Unmarshal(params, new(order)) }

func (work) Run(ctx context.Context, params json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	var o order
	if err := json.Unmarshal(params, &o); err != nil {
		return nil, err
	}
	_, err := pace(ctx, o.Rate, o.Seconds, func(n int) error {
		report.Report(fmt.Sprintf("row %d", n), float64(n+1)/(o.Rate*o.Seconds+1))
		return nil
	})
	return nil, err
}
