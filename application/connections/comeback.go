package connections

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/connection"
)

// comeBack looks what has become of this node's connections after the others had to
// believe that it was gone.
func (h *Heirs) comeBack(ctx context.Context) {
	if !h.nodes.Alive(h.nodes.Self()) {
		h.absent = true
		return
	}
	if !h.absent {
		return
	}
	for c := range h.roster.All() {
		if err := h.reconcile(ctx, c); err != nil {
			h.manager.log.WarnContext(ctx, "connections could not be compared with the registry yet", slog.Any("error", err))
			return // and again at the next look
		}
	}
	h.absent = false
}

// reconcile makes the roster and the registry agree on c, which is in the roster.
func (h *Heirs) reconcile(ctx context.Context, c connection.Connection) error {
	m := h.manager
	now, err := m.registry.ByRequestID(ctx, c.RequestID)
	switch {
	case errors.Is(err, connection.ErrNotFound) && !h.cfg.Adopt:
		_, err = m.registry.Put(ctx, c) // it was removed, but the stream is still here
		return err
	case errors.Is(err, connection.ErrNotFound), err == nil && now.Token == c.Token && now != c:
		h.forgo(c) // it has ended, or is another node's now
		return nil
	case err == nil && now.Token != c.Token:
		m.warnOpen(ctx, c, m.Close(ctx, c.Token, replaced))
	}
	return err
}

func (h *Heirs) forgo(c connection.Connection) {
	if h.heritage.Forgo(c.Token) {
		h.manager.metrics.Disconnected()
	}
}
