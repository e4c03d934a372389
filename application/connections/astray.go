package connections

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"heliograph/domain/connection"
)

// atOnce is how many connections Heirs sees to at a time: each waits for the
// registry most of the time.
const atOnce = 64

// seeTo makes this node's roster and the registry agree, where they may not. What
// fails is tried again at the next look.
func (h *Heirs) seeTo(ctx context.Context) {
	own, left := h.heritage.Mismatches()
	h.own = h.try(ctx, append(h.own, own...), h.reconcile)
	h.left = h.try(ctx, append(h.left, left...), h.receive)
}

// reconcile makes the roster and the registry agree on c, which is in the roster.
func (h *Heirs) reconcile(ctx context.Context, c connection.Connection) error {
	m := h.manager
	if _, err := m.registry.ByToken(ctx, c.Token); errors.Is(err, connection.ErrNotFound) {
		return nil // it has ended
	}
	now, err := h.record(ctx, c)
	switch {
	case err == nil && (now.Token == "" || now == c):
	case errors.Is(err, connection.ErrNotFound):
		h.forgo(c) // another node was told of its end
	case err != nil:
		return err
	case now.Token != c.Token: // and who replaced it could not tell us
		m.warnOpen(ctx, c, m.Close(ctx, c.Token, replaced))
	default:
		h.forgo(c)
	}
	return nil
}

// record returns the record of c's request_id. If there is none, as when the others
// believed that this node was gone, c is put there again and nothing returned,
// unless its stream may have ended without this node.
func (h *Heirs) record(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	if h.cfg.Adopt {
		return h.manager.registry.ByRequestID(ctx, c.RequestID)
	}
	return h.manager.registry.PutNew(ctx, c)
}

func (h *Heirs) forgo(c connection.Connection) {
	if h.heritage.Release(c.Token) {
		h.manager.count.left(c.Token)
	}
}

// try calls f with all of list, some at a time, and returns those for which it
// failed.
func (h *Heirs) try(ctx context.Context, list []connection.Connection, f func(context.Context, connection.Connection) error,
) (failed []connection.Connection) {
	var mu sync.Mutex
	var why error
	each(list, atOnce, func(c connection.Connection) {
		if err := f(ctx, c); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed, why = append(failed, c), err
		}
	})
	if why != nil && ctx.Err() == nil {
		h.manager.log.WarnContext(ctx, "connections are not what the registry says, trying again", slog.Int("count", len(failed)), slog.Any("error", why))
	}
	return failed
}
