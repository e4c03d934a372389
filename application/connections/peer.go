package connections

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

// Peer is what other nodes may ask of this one's streams. It is safe for concurrent use.
type Peer struct{ manager *Manager }

var _ gateway.Peer = Peer{}

// NewPeer returns the Peer of m's streams.
func NewPeer(m *Manager) Peer { return Peer{m} }

// Close implements gateway.Peer. The stream leaves this node's connections at once: an
// external gateway may report its end to another node.
func (p Peer) Close(ctx context.Context, token connection.Token, last event.Event) error {
	return p.manager.end(ctx, token, last, connection.ReasonReplaced)
}

// Send implements gateway.Peer.
func (p Peer) Send(ctx context.Context, token connection.Token, ev event.Event) error {
	return p.manager.sender.Send(ctx, token, ev)
}

// Ended implements gateway.Peer.
func (p Peer) Ended(ctx context.Context, token connection.Token, reason connection.Reason) {
	p.manager.Disconnect(ctx, token, reason)
}

// Renew implements gateway.Peer.
func (p Peer) Renew(ctx context.Context, token connection.Token, principal *access.Principal) error {
	return p.manager.credentials.RenewHere(ctx, token, principal)
}

// Follow implements gateway.Peer.
func (p Peer) Follow(ctx context.Context, token connection.Token, f output.Followed) error {
	c, err := p.manager.registry.ByToken(ctx, token)
	if err != nil {
		return err
	}
	if !p.manager.closer.owns(c) || p.manager.followings == nil { // the other node has not heard yet whose it is
		return connection.ErrNotFound
	}
	return p.manager.followings.FollowHere(ctx, c, f)
}
