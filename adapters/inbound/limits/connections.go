package limits

import (
	"context"
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

	mu     sync.Mutex
	tokens map[connection.Token]holding // guarded by mu
}

// holding is under which keys a connection is counted.
type holding struct {
	id               connection.RequestID
	subject, address string
}

// NewManager returns next with limits.
func NewManager(cfg Config, next connection.Manager) *Manager {
	return &Manager{
		Manager: next, cfg: cfg,
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
	if err := m.admit(h, token); err != nil {
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

func (m *Manager) admit(h holding, token connection.Token) error {
	if wait, ok := m.subject.take(h.subject); !ok {
		return m.refuse("subject_connects", "connects of one subject", wait)
	}
	if wait, ok := m.address.take(h.address); !ok {
		return m.refuse("address_connects", "connects from one address", wait)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.subjects.room(h.subject, h.id) {
		return m.refuse("subject_connections", "connections of one subject", retryConnect)
	}
	if !m.origins.room(h.address, h.id) {
		return m.refuse("address_connections", "connections from one address", retryConnect)
	}
	m.subjects.hold(h.subject, h.id, token)
	m.origins.hold(h.address, h.id, token)
	m.tokens[token] = h
	return nil
}

func (m *Manager) refuse(limit, what string, wait time.Duration) error {
	m.cfg.refused(limit)
	return &access.LimitError{What: what, RetryAfter: wait}
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
