//go:build linux

package bench

import (
	"context"
	"errors"

	"heliograph/test/bench/load"
)

// replay has one client miss many events, and times how it gets them.
func (g *rig) replay() error {
	back, before, err := g.absence(1, g.options.Missed)
	if err != nil {
		return err
	}
	got, err1 := g.connect(back)
	after, err2 := g.server.usage()
	g.round.Figures[ReplayTime] = milliseconds(got.Served)
	g.round.Figures[ReplayWrites] = float64(after.writes - before.writes)
	g.round.Figures[Lost] += float64(max(0, g.options.Missed-got.Messages))
	return errors.Join(err1, err2, g.drop())
}

// missedByAll is how many events each client has missed when all come back.
const missedByAll = 100

// comeBack has all clients miss a few events and come back at once.
func (g *rig) comeBack(size int) error {
	back, _, err := g.absence(size, missedByAll)
	if err != nil {
		return err
	}
	got, err := g.connect(back)
	g.round.Figures[BackPerSecond] = perSecond(got.Open, got.Took)
	g.round.Figures[BackServed] = milliseconds(got.Served)
	g.round.Figures[Lost] += float64(size - got.Open + max(0, size*missedByAll-got.Messages))
	return errors.Join(err, g.drop())
}

// absence has clients connect, leave, and miss events. It returns how they come
// back, and what the server has used until then.
func (g *rig) absence(size, missed int) (load.ConnectArgs, usage, error) {
	back := g.streams(size, parallelBack)
	id, err := g.lastEvent(size)
	if err != nil {
		return back, usage{}, err
	}
	if err := g.drop(); err != nil {
		return back, usage{}, err
	}
	events := g.message()
	events.Messages, events.Window = missed, inFlight
	_, err1 := g.publish(events) // without streams
	u, err2 := g.server.usage()
	back.LastEventID, back.Messages = id, missed
	return back, u, errors.Join(err1, err2)
}

// lastEvent opens streams and returns the ID of an event that all have got.
func (g *rig) lastEvent(streams int) (string, error) {
	if _, err := g.connect(g.streams(streams, parallel)); err != nil {
		return "", err
	}
	one := g.message()
	one.Messages, one.Window = 1, 1
	got, err := g.publish(one)
	return got.LastID, err
}

// storm restarts the server under its clients, which all come back at once and
// learn what has become of the events after their last one.
func (g *rig) storm(ctx context.Context, size int) error {
	id, err := g.lastEvent(size)
	if err != nil {
		return err
	}
	if err := errors.Join(g.restart(ctx), g.drop()); err != nil {
		return err
	}
	if _, err := g.settled(ctx); err != nil { // what is measured is serving, not starting
		return err
	}
	back := g.streams(size, parallelBack)
	back.LastEventID, back.Await = id, true
	got, err := g.connect(back)
	g.round.Figures[StormPerSecond] = perSecond(got.Open, got.Took)
	g.round.Figures[StormServed] = milliseconds(got.Served)
	g.round.Figures[Lost] += float64(size - got.Open)
	return err
}
