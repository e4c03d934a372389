// Package embeddedsender implements gateway.Sender over the engine of the
// embedded gateway, whose other face is ssestream.
package embeddedsender

import (
	"context"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Sender hands to the engine, in memory. It is safe for concurrent use.
type Sender struct {
	engine *sse.Engine
}

var (
	_ gateway.Sender    = (*Sender)(nil)
	_ diagnosis.Streams = (*Sender)(nil)
)

// New returns a Sender over engine.
func New(engine *sse.Engine) *Sender { return &Sender{engine: engine} }

// Broadcast implements gateway.Sender.
func (s *Sender) Broadcast(_ context.Context, rec event.Record) error {
	return s.engine.Broadcast(rec)
}

// Send implements gateway.Sender.
func (s *Sender) Send(_ context.Context, token connection.Token, ev event.Event) error {
	return s.engine.Send(token, ev)
}

// SendParts implements gateway.Sender.
func (s *Sender) SendParts(_ context.Context, token connection.Token, next gateway.Parts) error {
	return s.engine.SendParts(token, next)
}

// Close implements gateway.Sender.
func (s *Sender) Close(_ context.Context, token connection.Token, last event.Event) error {
	return s.engine.Close(token, last)
}

// Resume implements gateway.Sender: the engine resumed the stream when that was
// attached.
func (s *Sender) Resume(context.Context, connection.Connection, string) {}

// Gateway implements diagnosis.Streams.
func (*Sender) Gateway() diagnosis.Gateway { return diagnosis.Embedded }

// Stream implements diagnosis.Streams.
func (s *Sender) Stream(c connection.Connection) (diagnosis.Stream, bool) {
	return s.engine.Inspector().Look(c.Token)
}

// Fates implements diagnosis.Streams.
func (s *Sender) Fates(token connection.Token, _ time.Time) []diagnosis.Fate {
	return s.engine.Inspector().Fates(token)
}

// Reach implements diagnosis.Streams.
func (s *Sender) Reach(_ context.Context, c connection.Connection, id event.ID) diagnosis.Reach {
	return s.engine.Inspector().Reach(c, id)
}
