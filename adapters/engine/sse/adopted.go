package sse

import (
	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
)

// adopted is a Stream as the shard sees it that writes it.
type adopted Stream

// shard is the writer of its share of the adopted streams.
type shard struct{ *transport.Shard[*adopted] }

func (sh shard) wake(s *Stream) { sh.List((*adopted)(s)) }

// interrupt needs no more than wake: no write of a shard blocks.
func (sh shard) interrupt(s *Stream) { sh.List((*adopted)(s)) }

// Socket implements transport.Stream.
func (a *adopted) Socket() *transport.Socket { return &a.socket }

// Next implements transport.Stream.
func (a *adopted) Next(buf []byte) (transport.Step, error) { return (*Stream)(a).next(buf) }

// WrotePrivate implements transport.Stream.
func (a *adopted) WrotePrivate(n int) (rest int, final bool) { return (*Stream)(a).wrotePrivate(n) }

// MoveTo implements transport.Stream.
func (a *adopted) MoveTo(to log.Position) (from uint64) { return (*Stream)(a).moveTo(to) }

// BehindLog implements transport.Stream.
func (a *adopted) BehindLog(tail uint64) bool { return a.offset.Load() < tail }

// Ended implements transport.Stream.
func (a *adopted) Ended(why error) {
	a.engine.detach((*Stream)(a), why)
	a.engine.endings.add(a.token, reasonOf(why))
}
