package sse

import (
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// broadcastTo hands a log event to the streams in its audience. Errors: gateway.ErrClosed.
func (e *Engine) broadcastTo(rec event.Record) error {
	t := targeted{
		at: log.Position{Seq: rec.ID.Seq}, service: rec.Event.Service, name: e.encoder.words.Of(rec.Event.Name),
		whom: rec.Event.Audience, when: time.Now(),
	}
	t.frame, t.idBytes = e.encoder.frame(rec)
	keys := rec.Event.Audience.Keys()
	d := newDelivery(rec.Event.Service)
	l, err := e.Lock()
	if err != nil {
		return err
	}
	streams := l.queueFor(keys, t, d)
	l.Unlock()
	d.done(e.metrics)
	if streams > 0 {
		e.metrics.Sent(rec.Event.Service, streams, 0)
	}
	return nil
}

// queueFor queues an event for the streams that have one of the keys, keeps it, and
// returns how many streams there are.
func (l Locked) queueFor(keys []access.Key, t targeted, d *delivery) (streams int) {
	e := l.engine
	a := &e.audiences
	if a.log == nil {
		l.beginAudiences()
	}
	seq := t.at.Seq
	t.at = e.log.Head()
	t.at.Seq = seq
	p := t.private()
	p.delivery = d
	for s := range a.index.Find(keys) {
		streams++
		s.queueTargeted(p)
	}
	a.log.Append(seq, keys, len(t.frame), t)
	e.log.SetLimit(e.cfg.HistoryBytes - a.log.Held())
	a.newest.Store(seq)
	e.resumer.release()
	return streams
}

// beginAudiences makes what only the first event for some needs.
func (l Locked) beginAudiences() {
	a := &l.engine.audiences
	a.log = audience.NewLog[targeted](a.start, a.limit)
	for _, s := range l.engine.registry.byToken {
		if s.member == nil {
			a.join(s, access.Viewer{RequestID: s.name})
		}
	}
}

// queueForSingles queues a frame of the log for everyone for the streams that do not read
// that, and returns how many they are.
func (l Locked) queueForSingles(service event.Service, frame []byte) (streams int) {
	e := l.engine
	for s := range e.audiences.single {
		_ = s.push(private{at: e.head(), body: frame, service: service, begun: time.Now()}) // it may have ended by itself
	}
	return len(e.audiences.single)
}
