package guard

import (
	"context"
	"fmt"
	"slices"

	"heliograph/domain/access"
	"heliograph/domain/appevent"
)

// Events is an appevent.Service for principals. It is safe for concurrent use.
type Events struct {
	events appevent.Service
	policy access.Policy
}

var _ appevent.Service = (*Events)(nil)

// NewEvents returns a guard of events.
func NewEvents(events appevent.Service, policy access.Policy) *Events {
	return &Events{events: events, policy: policy}
}

// Publish implements appevent.Service: it needs events:publish, and audience unless the
// event is for the principal only. So does one without an audience, which is for everyone,
// and one for a request_id, which may be another's.
func (g *Events) Publish(ctx context.Context, r appevent.Request) (appevent.Receipt, error) {
	p, err := permitAll(ctx, g.policy, access.EventsSend, access.TaskKind{})
	if err != nil {
		return appevent.Receipt{}, err
	}
	if asked := r.Audience.Audience; asked != nil && slices.ContainsFunc(asked.Subjects, isOfOneTask) {
		return appevent.Receipt{}, fmt.Errorf("%w: %q begins the subjects of tokens for one task, which see no events", access.ErrInvalidAudience, access.TaskSubject)
	}
	asked := access.Choice{Given: true, Audience: r.Audience.Audience}
	if r.RequestID != "" {
		asked.Audience = &access.Audience{RequestIDs: []string{string(r.RequestID)}}
	}
	audience, err := g.policy.Audience(p, asked, access.Choice{})
	if err != nil {
		return appevent.Receipt{}, err
	}
	if r.RequestID == "" {
		r.Audience = access.Choice{Given: true, Audience: audience}
	}
	r.Owner = p.Subject
	return g.events.Publish(ctx, r)
}
