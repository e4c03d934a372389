package limits

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// retryConnect is when a client over its number of connections may try again: one of the
// others may have ended by then.
const retryConnect = 5 * time.Second

// Manager bounds the connections of each subject and address. It is safe for concurrent
// use.
type Manager struct {
	connection.Manager

	cfg               Config
	subject, address  *rates
	subjects, origins *holders
	registry          connection.Registry

	mu     sync.Mutex
	tokens map[connection.Token]holding // guarded by mu
	swept  time.Time                    // when what has ended unseen was last looked for; guarded by mu
}

// holding is under which keys a connection is counted.
type holding struct {
	id               connection.RequestID
	subject, address string
}

// NewManager returns next with limits. registry is asked which connections are still
// there when a key has too many: some end without a Disconnect, such as those of an
// external gateway that was restarted.
func NewManager(cfg Config, next connection.Manager, registry connection.Registry) *Manager {
	return &Manager{
		Manager: next, registry: registry, cfg: cfg,
		subject: newRates(cfg.Subject.Connects), address: newRates(cfg.Address.Connects),
		subjects: newHolders(cfg.Subject.Connections), origins: newHolders(cfg.Address.Connections),
		tokens: map[connection.Token]holding{},
	}
}

// Connect implements connection.Manager. Errors: also *access.LimitError.
func (m *Manager) Connect(ctx context.Context, id connection.RequestID, token connection.Token, lastEventID string) (connection.Opening, error) {
	h := holding{id: id, address: addressKey(access.AddressFromContext(ctx))}
	if p := access.FromContext(ctx); p != nil {
		h.subject = p.Subject
	}
	if err := m.admit(ctx, h, token); err != nil {
		return nil, err
	}
	opening, err := m.Manager.Connect(ctx, id, token, lastEventID)
	if err != nil {
		m.release(token)
	}
	return opening, err
}

// Disconnect implements connection.Manager.
func (m *Manager) Disconnect(ctx context.Context, token connection.Token, reason connection.Reason) {
	m.release(token)
	m.Manager.Disconnect(ctx, token, reason)
}

func (m *Manager) admit(ctx context.Context, h holding, token connection.Token) error {
	if wait, ok := m.subject.take(h.subject); !ok {
		return m.cfg.refuse("subject_connects", "connects of one subject", wait)
	}
	if wait, ok := m.address.take(h.address); !ok {
		return m.cfg.refuse("address_connects", "connects from one address", wait)
	}
	limit := m.take(h, token)
	if limit != "" && m.sweep(ctx, h) {
		limit = m.take(h, token)
	}
	switch limit {
	case limitSubject:
		return m.cfg.refuse(limit, "connections of one subject", retryConnect)
	case limitAddress:
		return m.cfg.refuse(limit, "connections from one address", retryConnect)
	}
	return nil
}

const (
	limitSubject = "subject_connections"
	limitAddress = "address_connections"
)

// take counts a connection, or returns the limit that is reached.
func (m *Manager) take(h holding, token connection.Token) (limit string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.subjects.room(h.subject, h.id) {
		return limitSubject
	}
	if !m.origins.room(h.address, h.id) {
		return limitAddress
	}
	m.subjects.hold(h.subject, h.id, token)
	m.origins.hold(h.address, h.id, token)
	m.tokens[token] = h
	return ""
}

// sweepInterval keeps a client that is refused again and again from having the registry
// asked each time.
const sweepInterval = time.Second

// sweep forgets the connections under h's keys that the registry does not know any more,
// and reports whether there were any.
func (m *Manager) sweep(ctx context.Context, h holding) (found bool) {
	m.mu.Lock()
	if time.Since(m.swept) < sweepInterval {
		m.mu.Unlock()
		return false
	}
	m.swept = time.Now()
	held := append(m.subjects.of(h.subject), m.origins.of(h.address)...)
	m.mu.Unlock()
	for _, token := range held {
		if _, err := m.registry.ByToken(ctx, token); errors.Is(err, connection.ErrNotFound) {
			m.release(token)
			found = true
		}
	}
	return found
}

func (m *Manager) release(token connection.Token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, held := m.tokens[token]
	if !held {
		return
	}
	delete(m.tokens, token)
	m.subjects.release(h.subject, h.id, token)
	m.origins.release(h.address, h.id, token)
}

// holders are the connections of each key: by request_id, since a newer one of the same
// takes the place of the older. A nil holders has no bound and holds nothing. Its owner
// sees that one goroutine at a time calls it.
type holders struct {
	limit int
	open  map[string]map[connection.RequestID]connection.Token
}

func newHolders(limit int) *holders {
	if limit <= 0 {
		return nil
	}
	return &holders{limit: limit, open: map[string]map[connection.RequestID]connection.Token{}}
}

func (h *holders) room(key string, id connection.RequestID) bool {
	if h == nil || key == "" {
		return true
	}
	_, replaces := h.open[key][id]
	return replaces || len(h.open[key]) < h.limit
}

// of returns the connections of a key.
func (h *holders) of(key string) []connection.Token {
	if h == nil {
		return nil
	}
	return slices.Collect(maps.Values(h.open[key]))
}

func (h *holders) hold(key string, id connection.RequestID, token connection.Token) {
	if h == nil || key == "" {
		return
	}
	if h.open[key] == nil {
		h.open[key] = map[connection.RequestID]connection.Token{}
	}
	h.open[key][id] = token
}

// release ends a connection, unless a newer one has taken its place.
func (h *holders) release(key string, id connection.RequestID, token connection.Token) {
	if h == nil || h.open[key][id] != token {
		return
	}
	delete(h.open[key], id)
	if len(h.open[key]) == 0 {
		delete(h.open, key)
	}
}
