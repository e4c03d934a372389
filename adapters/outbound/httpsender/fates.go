package httpsender

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// minRemembered is how many streams the fates of which are remembered before those that have
// ended are looked for.
const minRemembered = 1024

// fateBook keeps what became of the last events for each stream: of those that were
// handled for it alone, and of those that were posted for all. It is safe for concurrent
// use, and calls the roster with its mutex held.
type fateBook struct {
	roster connection.Roster
	words  fates.Words

	mu      sync.Mutex
	epoch   string                          // of the log; guarded by mu
	forAll  fates.Log                       // guarded by mu
	byToken map[connection.Token]*fates.Log // guarded by mu
	sweepAt int                             // so many streams have it swept; guarded by mu
}

func newFateBook(roster connection.Roster, epoch string) *fateBook {
	return &fateBook{roster: roster, epoch: epoch, byToken: map[connection.Token]*fates.Log{}, sweepAt: minRemembered}
}

// note records what became of m, for one stream.
func (b *fateBook) note(token connection.Token, m *message, kind diagnosis.Kind, why string) {
	if m.isQuestion() {
		return
	}
	e := b.entry(m, kind, why)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(m)
	b.of(token).Add(e)
}

// noteAll records what became of m, which is for all streams, or for those that it names.
func (b *fateBook) noteAll(m *message, kind diagnosis.Kind, why string) {
	if m.ev.Control() {
		return // a ping says nothing about events
	}
	e := b.entry(m, kind, why)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(m)
	if !m.named() {
		b.forAll.Add(e)
		return
	}
	for _, token := range m.tokens {
		b.of(token).Add(e)
	}
}

func (b *fateBook) entry(m *message, kind diagnosis.Kind, why string) fates.Entry {
	e := fates.Entry{Kind: kind, Name: b.words.Of(m.ev.Name), Why: b.words.Of(why), At: fates.StampOf(time.Now())}
	switch {
	case m.ev.Name == stream.NameReset && kind == diagnosis.Written:
		e.Kind, e.Name, e.Why = diagnosis.Reset, 0, b.words.Of(resetReason(m.ev))
		return e
	case len(m.fields) > 0:
		e.Count = 1
	}
	if !m.private() {
		e.Name = 0 // events of the log are one entry, whatever their names are
		e.Seq = m.id.Seq
	}
	return e
}

// resetReason is why a stream_reset was sent.
func resetReason(ev event.Event) string {
	for _, why := range []stream.ResetReason{stream.ResetExpired, stream.ResetEpoch, stream.ResetInvalid} {
		if string(stream.Reset(why).Data) == string(ev.Data) {
			return string(why)
		}
	}
	return ""
}

// say records something that is no event.
func (b *fateBook) say(token connection.Token, kind diagnosis.Kind, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(token).Add(fates.Entry{Kind: kind, Why: b.words.Of(why), At: fates.StampOf(time.Now())})
}

// learn notes the epoch of the log. With mu held.
func (b *fateBook) learn(m *message) { b.epoch = cmp.Or(m.id.Epoch, b.epoch) }

// of returns the entries of a stream. With mu held.
func (b *fateBook) of(token connection.Token) *fates.Log {
	l := b.byToken[token]
	if l == nil {
		b.sweep()
		l = &fates.Log{}
		b.byToken[token] = l
	}
	return l
}

// sweep forgets the streams that have ended once there are twice as many as there were
// when it did so last. With mu held.
func (b *fateBook) sweep() {
	if len(b.byToken) < b.sweepAt {
		return
	}
	open := make(map[connection.Token]*fates.Log, b.roster.Count())
	for c := range b.roster.All() {
		if l := b.byToken[c.Token]; l != nil {
			open[c.Token] = l
		}
	}
	b.byToken, b.sweepAt = open, max(minRemembered, 2*len(open))
}

// all returns the entries of a stream that was opened then, and of those that are for all
// what is newer, by their times.
func (b *fateBook) all(token connection.Token, since time.Time) []diagnosis.Fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := b.byToken[token].All()
	opened := fates.StampOf(since)
	for _, e := range b.forAll.All() {
		if e.At >= opened {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(x, y fates.Entry) int { return cmp.Compare(x.At, y.At) })
	return fates.Fates(entries[max(0, len(entries)-maxFates):], &b.words, b.epoch)
}

// maxFates is how many are told of one stream (rule W6).
const maxFates = 100

// whyFailed says in plain words why a push failed.
func whyFailed(err error) string {
	switch {
	case errors.Is(err, errTooLarge):
		return diagnosis.WhyTooBig
	case errors.Is(err, gateway.ErrRefused):
		return diagnosis.WhyRefused
	default:
		return diagnosis.WhyUnreachable
	}
}

// Fates implements diagnosis.Streams.
func (s *Sender) Fates(token connection.Token, since time.Time) []diagnosis.Fate {
	return s.fates.all(token, since)
}

// noteLeft records that m was left out because newer progress of its task waits.
func (b *fateBook) noteLeft(m *message) {
	if m.private() {
		b.note(m.token, m, diagnosis.Conflated, diagnosis.WhyNewer)
	} else {
		b.noteAll(m, diagnosis.Conflated, diagnosis.WhyNewer)
	}
}

// noteReplayed records that m, an event of the log, was sent because the client had missed it.
func (b *fateBook) noteReplayed(token connection.Token, m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(m)
	b.of(token).Add(fates.Entry{Kind: diagnosis.Replayed, Count: 1, Seq: m.id.Seq, At: fates.StampOf(time.Now())})
}

// resetOf returns why a stream was told to begin anew last; "" if it was not.
func (b *fateBook) resetOf(token connection.Token) (why stream.ResetReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.byToken[token].All() {
		if e.Kind == diagnosis.Reset {
			why = stream.ResetReason(b.words.Text(e.Why))
		}
	}
	return why
}
