// Package watchcli serves a person at a terminal, or a script: it shows what comes over a stream
// of a running service ("heliograph watch").
package watchcli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/domain/task"
)

// Service says which service, and with which credential.
type Service = cli.Service

// Terminal is where it happens.
type Terminal = cli.Terminal

// Options say what to show.
type Options struct {
	// Stream is the stream's URL where it is not the service's own, as behind an external gateway; "" is that.
	Stream string
	From   string   // the ID of the event after which to begin; "" is what is new
	Events []string // the names of the events to show; none are all but pings
	// Types, Labels (key=value) and Tasks select tasks; with any of them there is nothing else.
	Types, Labels, Tasks []string
	JSON                 bool // lines of JSON on a terminal, too
}

// view shows what comes.
type view interface {
	// event shows an event that was selected. Errors: cli's, of standard output.
	event(ev apiclient.StreamEvent) error
	// opened says that the stream is open, for the first time or again.
	opened()
	// note shows a line about the stream itself.
	note(text string)
	// tick is called again and again, to draw what has changed.
	tick()
	// end takes away what must not stay on a terminal.
	end()
}

// frame is how often a terminal is drawn anew, at most.
const frame = 100 * time.Millisecond

// Run shows what comes until ctx ends, and returns the exit status, which is cli.Done then.
func Run(ctx context.Context, s Service, o Options, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	f, err := newFilter(o, func(ctx context.Context, id task.ID) (task.Labels, error) {
		status, err := client.Status(ctx, id)
		return status.Labels, err
	})
	if err != nil {
		return t.Conclude(err)
	}
	w := watcher{client: client, options: o, filter: f, arrived: make(chan message)}
	if t.Width() > 0 && !o.JSON {
		w.view = newScreen(s.URL, t)
	} else {
		w.view = jsonLines{t}
	}
	err = w.run(ctx)
	w.view.end()
	if ctx.Err() != nil {
		return cli.Done
	}
	if refused, ok := errors.AsType[*apiclient.Error](err); ok && refused.Status == http.StatusNotFound {
		err = fmt.Errorf("%w: there is no stream here (%w); behind an external gateway --stream says where it is", cli.ErrUsage, err)
	}
	return t.Conclude(err)
}

// watcher is one call of Run. Its loop owns the view; another goroutine reads the stream.
type watcher struct {
	client  *apiclient.Client
	options Options
	filter  *filter
	view    view
	arrived chan message

	broken bool   // the stream was, at least once, and is not open
	last   string // the ID of the last event
}

// message is what the stream's goroutine tells the loop: one of these.
type message struct {
	event  *apiclient.StreamEvent
	opened bool
	broken error
	again  time.Duration // until the stream is opened again
}

func (w *watcher) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer func() { stop(); reading.Wait() }()
	tell := func(m message) {
		select {
		case w.arrived <- m:
		case <-ctx.Done():
		}
	}
	ended := make(chan error, 1)
	reading.Go(func() {
		ended <- w.client.Watch(ctx, apiclient.Watch{
			URL: w.options.Stream, From: w.options.From,
			Event: func(ev apiclient.StreamEvent) {
				if ev, ok := w.filter.pick(ctx, ev); ok {
					tell(message{event: &ev})
				}
			},
			Opened: func() { tell(message{opened: true}) },
			Broken: func(err error, again time.Duration) { tell(message{broken: err, again: again}) },
		})
	})
	clock := time.NewTicker(frame)
	defer clock.Stop()
	for {
		select {
		case m := <-w.arrived:
			if err := w.handle(m); err != nil {
				return err
			}
		case <-clock.C:
			w.view.tick()
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *watcher) handle(m message) error {
	switch {
	case m.event != nil:
		w.last = m.event.ID
		return w.view.event(*m.event)
	case m.opened:
		w.view.opened()
		if w.broken {
			w.view.note(w.reopened())
		}
		w.broken = false
	case m.broken != nil:
		w.broken = true
		w.view.note("the stream broke (" + m.broken.Error() + "); it is opened again in " + m.again.Round(frame).String())
	}
	return nil
}

// reopened says from where the stream goes on.
func (w *watcher) reopened() string {
	if w.last == "" {
		return "the stream is open again; events may be missing here, for it has no place to go on from"
	}
	return "the stream is open again, and goes on after " + w.last
}
