// Package snapshots sends every stream that connects the unfinished tasks that it may
// see (rules T13, A12).
package snapshots

import (
	"context"
	"errors"
	"fmt"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// Observer makes snapshots and sends them. It is safe for concurrent use.
//
// What many streams see is read and encoded once for all of them (see layer), and in
// memory once, however many streams read it and however slowly.
type Observer struct {
	store    task.Store
	sender   gateway.Sender
	maxBytes int
	none     *gateway.Part // a snapshot without tasks, as most are
	everyone *series       // what is for everyone
	others   *viewers
}

// errUnmade is the error of a snapshot whose making came to no end.
var errUnmade = errors.New("snapshot was not made")

var _ connection.Observer = (*Observer)(nil)

// New returns an observer that reads the store. maxBytes bounds the payload of an
// event (rule E8).
func New(store task.Store, sender gateway.Sender, maxBytes int) *Observer {
	o := &Observer{
		store: store, sender: sender, maxBytes: maxBytes, none: gateway.NewPart(toSnapshot([]byte(`{"tasks":[]}`))), others: newViewers(),
	}
	o.everyone = newSeries(o, access.Viewer{}, access.Viewer{}, nil)
	return o
}

// Connected implements connection.Observer: it sends the connection a snapshot
// of every unfinished task that it may see, as it is after the call began (rules T13,
// A12).
func (o *Observer) Connected(ctx context.Context, c connection.Connection) error {
	next, err := o.read(ctx, c.Viewer())
	if err != nil {
		return fmt.Errorf("make a task snapshot: %w", err)
	}
	err = o.sender.SendParts(ctx, c.Token, next)
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // with that it left before its snapshot came
		return fmt.Errorf("send a task snapshot: %w", err)
	}
	return nil
}

// read returns the parts of a snapshot for one stream, of which none shows a time
// before the call. Errors: those of task.Store, ctx.Err().
func (o *Observer) read(ctx context.Context, v access.Viewer) (gateway.Parts, error) {
	var s state
	var err error
	if shared := o.seriesOf(v); shared != nil {
		s, err = shared.read(ctx)
	}
	if err == nil && v.RequestID != "" && !v.All { // which no other stream has
		s, err = o.addOwn(ctx, v, s)
	}
	if err != nil {
		return nil, err
	}
	if s.sections == nil {
		return o.nothing, nil
	}
	r := &reader{sections: s.sections, none: o.none}
	return r.next, nil
}

// addOwn returns s with what is for the request_id of v alone, which is mostly nothing.
func (o *Observer) addOwn(ctx context.Context, v access.Viewer, s state) (state, error) {
	rest := access.Viewer{Subject: v.Subject, Roles: v.Roles, Single: true}
	own, err := o.list(ctx, &access.Viewer{RequestID: v.RequestID, Single: true}, rest)
	if err != nil || len(own) == 0 {
		return s, err
	}
	return o.combine(&layer{}, own, s, nil), nil
}

// nothing implements gateway.Parts for a snapshot without tasks.
func (o *Observer) nothing() (_ *gateway.Part, more bool) { return o.none, false }
