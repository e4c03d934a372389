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

// Heirs sees to the connections of nodes that are gone (rule C8).
type Heirs struct {
	manager  *Manager
	heritage connection.Heritage
	roster   connection.Roster
	nodes    cluster.Nodes
	cfg      HeirsConfig
	seen     []string // the nodes that were there when it last looked; owned by Serve
	absent   bool     // this node may have been inherited from; owned by Serve
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
func NewHeirs(cfg HeirsConfig, m *Manager, heritage connection.Heritage, roster connection.Roster, nodes cluster.Nodes) *Heirs {
	return &Heirs{manager: m, heritage: heritage, roster: roster, nodes: nodes, cfg: cfg}
}

// Serve looks after the heritage until ctx ends, and returns nil. It begins with
// what an earlier life of this node has left.
func (h *Heirs) Serve(ctx context.Context) error {
	own := h.inherit(ctx, func(node string) bool { return node != h.nodes.Self().Node() })
	ticks := time.NewTicker(h.cfg.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		if !own {
			own = h.inherit(ctx, func(node string) bool { return node != h.nodes.Self().Node() })
		}
		h.comeBack(ctx)
		h.look(ctx)
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
	left, err := h.heritage.Left(ctx, present)
	if err != nil {
		if ctx.Err() == nil {
			h.manager.log.WarnContext(ctx, "connections of nodes that are gone could not be listed", slog.Any("error", err))
		}
		return false
	}
	for _, c := range left {
		if h.cfg.Adopt {
			h.manager.take(ctx, h.heritage, c)
		} else {
			h.manager.Disconnect(ctx, c.Token, connection.ReasonNodeLost)
		}
	}
	if len(left) > 0 {
		h.manager.log.InfoContext(ctx, "connections of nodes that are gone were taken over", slog.Int("count", len(left)))
	}
	return true
}

// take makes c this node's connection. Nobody knows what its stream has missed.
func (m *Manager) take(ctx context.Context, heritage connection.Heritage, c connection.Connection) {
	taken, err := heritage.Take(ctx, c)
	if errors.Is(err, connection.ErrNotFound) {
		return // it is another's by now
	}
	if err != nil {
		m.log.WarnContext(ctx, "connection could not be taken over", requestID(c), slog.Any("error", err))
		return
	}
	m.welcome(ctx, taken)
}
