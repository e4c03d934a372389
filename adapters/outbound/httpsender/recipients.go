package httpsender

import (
	"iter"
	"maps"
	"slices"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// earlySweeps is for how many sweeps a stream gets what is broadcast though the roster
// does not have it: it is registered as soon as it has resumed, or never.
const earlySweeps = 2

// recipients finds the streams that a log or a control event is for (rule A12): those in
// the roster, and early ones, which resume and which it may not have yet. It is not safe
// for concurrent use.
type recipients struct {
	roster    connection.Roster
	shared    bool // other nodes push to streams of the same gateway
	selective bool // there have been events for some streams only

	early map[connection.Token]*earlyStream
	index audience.Index[connection.Token] // of early
}

// earlyStream is a stream that the roster may not have yet.
type earlyStream struct {
	viewer     access.Viewer
	member     *audience.Member[connection.Token]
	after      event.ID // it gets up to here otherwise
	held       bool     // it is still sent what its client missed
	registered bool     // the roster has it
	missed     bool     // an event that named its streams left it out meanwhile
	sweeps     int      // for which it may still stay here
}

// addEarly adds a stream that gets what follows the place after. Until letGo it is held:
// what it missed comes first.
func (r *recipients) addEarly(token connection.Token, v access.Viewer, after event.ID) {
	r.dropEarly(token)
	r.early[token] = &earlyStream{viewer: v, member: r.index.Add(token, v.Keys()), after: after, held: true, sweeps: earlySweeps}
}

// letGo ends the hold of a stream; it reports false, and the stream stays held, if it was
// left out since the last call and has missed that. With force it ends in any case.
func (r *recipients) letGo(token connection.Token, force bool) bool {
	s := r.early[token]
	if s == nil {
		return true
	}
	missed := s.missed
	s.missed, s.held = false, missed && !force
	return !s.held
}

// dropEarly says that a stream has ended, or that the roster has it and it gets all that
// leaves from now on.
func (r *recipients) dropEarly(token connection.Token) {
	if s, known := r.early[token]; known {
		delete(r.early, token)
		r.index.Remove(s.member)
	}
}

// sweep drops the early streams that the roster has, and those that it never will, once
// all has left up to the place after which they are fed.
func (r *recipients) sweep(place event.ID) {
	for token, s := range r.early {
		if s.held || s.has(place) && s.after != place {
			continue
		}
		if s.sweeps--; s.sweeps <= 0 {
			r.dropEarly(token)
		}
	}
}

// has reports whether the stream gets the event of a place otherwise.
func (s *earlyStream) has(place event.ID) bool {
	return place.Epoch == s.after.Epoch && place.Seq <= s.after.Seq
}

// all yields every stream.
func (r *recipients) all() iter.Seq[connection.Token] {
	return r.join(r.roster.All(), event.ID{}, func() []connection.Token {
		return slices.DeleteFunc(slices.Collect(maps.Keys(r.early)), func(token connection.Token) bool { return r.early[token].registered })
	})
}

// of yields the streams that m is for, each once.
func (r *recipients) of(m *message) iter.Seq[connection.Token] {
	r.selective = r.selective || m.audience != nil
	if m.named() {
		return slices.Values(m.tokens)
	}
	return r.join(registered(r.roster, m), m.id, func() []connection.Token {
		var tokens []connection.Token
		if m.audience == nil {
			tokens = slices.Collect(maps.Keys(r.early))
		} else {
			tokens = slices.Collect(r.index.Find(m.audience.Keys()))
		}
		return slices.DeleteFunc(tokens, func(token connection.Token) bool {
			s := r.early[token]
			return s.registered || !m.visibleTo(s.viewer) || s.has(m.id)
		})
	})
}

// join yields what is registered, then the chosen of the early streams, but for those that
// get the event of the place otherwise.
func (r *recipients) join(conns iter.Seq[connection.Connection], place event.ID, chosen func() []connection.Token) iter.Seq[connection.Token] {
	return func(yield func(connection.Token) bool) {
		for c := range conns {
			if s := r.early[c.Token]; s != nil {
				if s.registered = true; s.has(place) {
					continue
				}
			}
			if !yield(c.Token) {
				return
			}
		}
		if len(r.early) == 0 {
			return
		}
		for _, token := range chosen() {
			if !yield(token) {
				return
			}
		}
	}
}

// toName returns the streams that m is for, to be posted with it. One that is held is left
// out: this must not overtake what it missed, of which it is a part then.
func (r *recipients) toName(m *message) []connection.Token {
	tokens := []connection.Token{}
	for token := range r.of(m) {
		if s := r.early[token]; s != nil && s.held {
			s.missed = true
		} else {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// include reports whether m is for any stream.
func (r *recipients) include(m *message) bool {
	for range r.of(m) {
		return true
	}
	return false
}

// areAll reports whether m can be posted to every stream of the gateway: those that see one
// task only may be none of those that such a post reaches.
func (r *recipients) areAll(m *message) bool {
	if m.ev.Control() {
		return true
	}
	if m.audience != nil || r.shared && r.selective {
		return false
	}
	for range r.roster.Single() {
		return false
	}
	for _, s := range r.early {
		if s.viewer.Single {
			return false
		}
	}
	return true
}

// registered yields the connections that m, a log or a control event, is for.
func registered(roster connection.Roster, m *message) iter.Seq[connection.Connection] {
	if m.seenByAll() {
		return roster.All()
	}
	return roster.In(m.audience)
}

// connections returns how many connections m is for.
func connections(roster connection.Roster, m *message) (n int) {
	switch {
	case m.private():
		return 1
	case m.named():
		return len(m.tokens)
	case m.seenByAll():
		return roster.Count()
	case m.audience == nil:
		n = roster.Count()
		for range roster.Single() {
			n--
		}
		return n
	}
	for range roster.In(m.audience) {
		n++
	}
	return n
}
