package connections

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/connection"
)

// Heirs sees to the connections of nodes that are gone (rule C8), and to what
// others did to those of this node.
type Heirs struct {
	manager  *Manager
	heritage connection.Orphans
	nodes    cluster.Nodes
	cfg      HeirsConfig

	// All below is owned by Serve.

	seen      []string                // the nodes that were there when it last looked
	own, left []connection.Connection // what Astray said and is still to be seen to
}

// HeirsConfig is what Heirs can be told.
type HeirsConfig struct {
	// Every is the time between two looks at the nodes.
	Every time.Duration
	// Adopt says that streams outlive their node, because an external gateway has
	// them: they are adopted. Otherwise their records are removed.
	Adopt bool
}

// NewHeirs returns Heirs. It starts nothing: Serve does.
func NewHeirs(cfg HeirsConfig, m *Manager, heritage connection.Orphans, nodes cluster.Nodes) *Heirs {
	return &Heirs{manager: m, heritage: heritage, nodes: nodes, cfg: cfg}
}

// Serve looks after the heritage until ctx ends, and returns nil. It begins with
// what an earlier life of this node has left.
func (h *Heirs) Serve(ctx context.Context) error {
	notSelf := func(node string) bool { return node != h.nodes.Self().Node() }
	begun := h.inherit(ctx, notSelf)
	ticks := time.NewTicker(h.cfg.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		if !begun {
			begun = h.inherit(ctx, notSelf)
		}
		h.look(ctx)
		if h.nodes.Alive(h.nodes.Self()) { // else the others would undo it
			h.seeTo(ctx)
		}
	}
}

// look has the node that leads inherit when another is not there any more; and
// when it has just come to lead, for it may have missed that.
func (h *Heirs) look(ctx context.Context) {
	if !h.nodes.Leads() {
		h.seen = nil
		return
	}
	present := h.nodes.Present()
	gone := func(node string) bool { return !slices.Contains(present, node) }
	if h.seen != nil && !slices.ContainsFunc(h.seen, gone) {
		h.seen = present
		return
	}
	if h.inherit(ctx, func(node string) bool { return !gone(node) }) {
		h.seen = present
	}
}

// inherit takes all that belongs to nodes which are not present, and reports
// whether it could.
func (h *Heirs) inherit(ctx context.Context, present func(node string) bool) bool {
	left, err := h.heritage.List(ctx, present)
	if err != nil {
		if ctx.Err() == nil {
			h.manager.log.WarnContext(ctx, "connections of nodes that are gone could not be listed", slog.Any("error", err))
		}
		return false
	}
	failed := h.try(ctx, left, h.receive)
	if taken := len(left) - len(failed); taken > 0 {
		h.manager.log.InfoContext(ctx, "connections of nodes that are gone were taken over", slog.Int("count", taken))
	}
	return len(failed) == 0
}

// receive takes over c or removes it, as nobody has it any more.
func (h *Heirs) receive(ctx context.Context, c connection.Connection) error {
	if !h.cfg.Adopt {
		return h.heritage.Delete(ctx, c)
	}
	count := h.manager.count
	count.begin(c.Token)
	taken, err := h.heritage.Adopt(ctx, c)
	count.end(c.Token, err == nil)
	if errors.Is(err, connection.ErrNotFound) {
		return nil // it is another's by now
	}
	if err == nil {
		h.manager.welcome(ctx, taken) // nobody knows what its stream has missed
	}
	return err
}
