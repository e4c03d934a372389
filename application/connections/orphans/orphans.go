// Package orphans takes over the connections of nodes that are gone (rule C8), and makes
// a node's roster and the registry agree after other nodes changed its records.
package orphans

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"heliograph/application/connections/background"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
)

// Config holds a Takeover's settings.
type Config struct {
	// Interval is the time between two looks at the nodes, more than 0.
	Interval time.Duration
	// Adopt says that streams outlive their node, because an external gateway has
	// them: they are adopted. Otherwise their records are removed.
	Adopt bool
}

// Connections changes connections for a Takeover: it counts them and can reach their
// streams.
type Connections interface {
	// AdoptOrphan makes c this node's with from, counts it, and has its client fetch the
	// state, since what its stream has missed is unknown. If c is no orphan any more, that
	// is no error.
	AdoptOrphan(ctx context.Context, c connection.Connection, from connection.Orphans) error
	// Lost remembers that the stream of c has ended with its node, which the registry does not know any more.
	Lost(c connection.Connection)
	// Release takes c out of this node's roster with from, and counts that.
	Release(c connection.Connection, from connection.Orphans)
	// CloseReplaced closes the stream of c, which a newer one has replaced.
	CloseReplaced(ctx context.Context, c connection.Connection)
}

// Deps holds the ports that a Takeover uses.
type Deps struct {
	Orphans     connection.Orphans
	Registry    connection.Registry
	Connections Connections
	Nodes       cluster.Nodes
	Log         *slog.Logger
}

// atOnce is how many connections are handled at a time: each waits for the registry
// most of the time.
const atOnce = 64

// Takeover takes over orphaned connections. Only Serve uses its fields.
type Takeover struct {
	cfg  Config
	deps Deps

	present    []string                // the nodes at the last look, while this node leads
	mismatched []connection.Connection // in the roster, and still to be compared with the registry
	unowned    []connection.Connection // recorded for this node, and still to be taken over
}

// New returns a Takeover. It starts nothing: Serve does.
func New(cfg Config, deps Deps) *Takeover { return &Takeover{cfg: cfg, deps: deps} }

// Serve takes over orphans until ctx ends, and returns nil. It begins with the
// connections that an earlier run of this node has left.
func (o *Takeover) Serve(ctx context.Context) error {
	notSelf := func(node string) bool { return node != o.deps.Nodes.Self().Node() }
	begun := o.takeOver(ctx, notSelf)
	ticks := time.NewTicker(o.cfg.Interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		if !begun {
			begun = o.takeOver(ctx, notSelf)
		}
		o.lookForLostNodes(ctx)
		if o.deps.Nodes.Alive(o.deps.Nodes.Self()) { // while the others believe it gone, they would undo the changes
			o.reconcileAll(ctx)
		}
	}
}

// lookForLostNodes takes over, if this node leads, when another node is not present any
// more; also when this node has just begun to lead, for it may have missed that.
func (o *Takeover) lookForLostNodes(ctx context.Context) {
	if !o.deps.Nodes.Leads() {
		o.present = nil
		return
	}
	present := o.deps.Nodes.Present()
	isGone := func(node string) bool { return !slices.Contains(present, node) }
	if o.present != nil && !slices.ContainsFunc(o.present, isGone) {
		o.present = present
		return
	}
	if o.takeOver(ctx, func(node string) bool { return !isGone(node) }) {
		o.present = present
	}
}

// takeOver takes over all connections of nodes that are not present, and reports whether
// it could list them.
func (o *Takeover) takeOver(ctx context.Context, present func(node string) bool) bool {
	orphaned, err := o.deps.Orphans.List(ctx, present)
	if err != nil {
		if ctx.Err() == nil {
			o.deps.Log.WarnContext(ctx, "connections of nodes that are gone could not be listed", slog.Any("error", err))
		}
		return false
	}
	failed := o.forEach(ctx, orphaned, func(ctx context.Context, c connection.Connection) error {
		err := o.takeOverOne(ctx, c)
		if err == nil && !o.cfg.Adopt {
			o.deps.Connections.Lost(c)
		}
		return err
	})
	if taken := len(orphaned) - len(failed); taken > 0 {
		o.deps.Log.InfoContext(ctx, "connections of nodes that are gone were taken over", slog.Int("count", taken))
	}
	return len(failed) == 0
}

// takeOverOne adopts c or deletes its record: no node has it any more.
func (o *Takeover) takeOverOne(ctx context.Context, c connection.Connection) error {
	if o.cfg.Adopt {
		return o.deps.Connections.AdoptOrphan(ctx, c, o.deps.Orphans)
	}
	return o.deps.Orphans.Delete(ctx, c)
}

// reconcileAll makes this node's roster and the registry agree, where they may not.
// Failures are tried again at the next look.
func (o *Takeover) reconcileAll(ctx context.Context) {
	own, orphaned := o.deps.Orphans.Mismatches()
	o.mismatched = o.forEach(ctx, append(o.mismatched, own...), o.reconcile)
	o.unowned = o.forEach(ctx, append(o.unowned, orphaned...), o.takeOverOne)
}

// reconcile makes the roster and the registry agree on c, which is in the roster.
func (o *Takeover) reconcile(ctx context.Context, c connection.Connection) error {
	if _, err := o.deps.Registry.ByToken(ctx, c.Token); errors.Is(err, connection.ErrNotFound) {
		return nil // it has ended
	}
	now, err := o.recordOf(ctx, c)
	switch {
	case err == nil && (now.Token == "" || now.Same(c)):
	case errors.Is(err, connection.ErrNotFound):
		o.deps.Connections.Release(c, o.deps.Orphans) // its end was reported to another node
	case err != nil:
		return err
	case now.Token != c.Token: // and the node that replaced it could not reach this one
		o.deps.Connections.CloseReplaced(ctx, c)
	default:
		o.deps.Connections.Release(c, o.deps.Orphans)
	}
	return nil
}

// recordOf returns the record of c's request_id. If there is none, as when the others
// believed that this node was gone, c is put there again and nothing returned,
// unless its stream may have ended without this node.
func (o *Takeover) recordOf(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	if o.cfg.Adopt {
		return o.deps.Registry.ByRequestID(ctx, c.RequestID)
	}
	return o.deps.Registry.PutNew(ctx, c)
}

// forEach calls f with all of list, some at a time, and returns those for which it
// failed.
func (o *Takeover) forEach(ctx context.Context, list []connection.Connection, f func(context.Context, connection.Connection) error,
) (failed []connection.Connection) {
	var mu sync.Mutex
	var why error
	background.ForEach(list, atOnce, func(c connection.Connection) {
		if err := f(ctx, c); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed, why = append(failed, c), err
		}
	})
	if why != nil && ctx.Err() == nil {
		o.deps.Log.WarnContext(ctx, "connections are not what the registry says, trying again", slog.Int("count", len(failed)), slog.Any("error", why))
	}
	return failed
}
