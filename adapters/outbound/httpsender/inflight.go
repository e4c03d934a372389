package httpsender

import (
	"slices"

	"heliograph/domain/event"
)

// inFlight is what was taken from the trunk to be posted to all streams, until it is
// settled, and how far the trunk has come with all that. It is guarded by trunk.mu.
type inFlight struct {
	lanes *lanes
	link  *link

	messages []*message
	posting  bool     // requests with them are under way
	unsure   bool     // the gateway may have taken some of them
	taken    event.ID // clients have got what is here up to this place
	place    event.ID // of the last log event that left the trunk
	leftOut  event.ID // of the newest one that was left out, since it was for nobody, and that place has not passed; or zero
}

// giveBack returns what is here to q, unless something newer there replaces it. What was
// taken for some streams is for those that there are when it is taken again.
func (f *inFlight) giveBack(q *queue) {
	for _, m := range slices.Backward(f.messages) {
		if m.whole != nil && f.messages[0].whole == m.whole && f.messages[0].part > 0 {
			q.putBack(m) // some of its streams have got it
			continue
		}
		if m.part > 0 {
			continue // it goes back with the first part
		}
		if m.whole != nil {
			m.whole.late = m.late
			m = m.whole
		}
		if !slices.ContainsFunc(q.messages, func(newer *message) bool { return newer.replaces(m) }) {
			q.putBack(m)
		}
	}
	f.messages = nil
}

// settle removes the first n messages, which have left for good.
func (f *inFlight) settle(n int) {
	if n == 0 {
		return
	}
	for _, m := range f.messages[:n] {
		f.advance(m)
	}
	f.messages = f.messages[n:]
	f.lanes.advance(f.place)
	f.link.announce()
}

// fanOut gives what is here to each connection.
func (f *inFlight) fanOut() {
	for _, m := range f.messages {
		f.lanes.broadcast(m)
	}
	f.settle(len(f.messages))
}

// endPost says that no requests with what is here are under way any more.
func (f *inFlight) endPost() {
	f.posting = false
	f.settle(f.alreadyTaken())
	f.lanes.turns.endPost()
}

// advance notes that m has left.
func (f *inFlight) advance(m *message) {
	if !m.id.IsZero() {
		f.place = m.id
	}
}

// passTo moves on to a place, and reports whether it is a newer one.
func (f *inFlight) passTo(place event.ID) bool {
	if place.IsZero() || place.Epoch == f.place.Epoch && place.Seq <= f.place.Seq {
		return false
	}
	f.place = place
	return true
}

// passLeftOut moves on to the place of what was left out once nothing waits, here or in q,
// that comes before it. It reports whether nothing is left out any more that was before.
func (f *inFlight) passLeftOut(q *queue) bool {
	passed := f.leftOut.Epoch == f.place.Epoch && f.leftOut.Seq <= f.place.Seq
	if f.leftOut.IsZero() || !passed && len(q.messages)+len(f.messages) > 0 {
		return false
	}
	f.passTo(f.leftOut)
	f.leftOut = event.ID{}
	return true
}

// noteTaken notes that a client has got everything up to id: a gateway had taken that.
func (f *inFlight) noteTaken(id event.ID) {
	newest := f.newest()
	if len(f.messages) > 0 && id.Epoch == newest.Epoch && id.Seq <= newest.Seq && (id.Epoch != f.taken.Epoch || id.Seq > f.taken.Seq) {
		f.taken = id
	}
}

// alreadyTaken is how many of the messages clients have got: the gateway that is there
// now must not be given them again.
func (f *inFlight) alreadyTaken() int {
	n := slices.IndexFunc(f.messages, func(m *message) bool {
		return m.id.Epoch != f.taken.Epoch || m.id.Seq > f.taken.Seq || m.parts > 1 && m.id.Seq == f.taken.Seq
	})
	if n < 0 {
		return len(f.messages)
	}
	return n
}

// newest is the place after which a stream that joins now reads: what its client missed
// up to there has to be sent to it.
func (f *inFlight) newest() event.ID {
	for _, m := range slices.Backward(f.messages) {
		if !m.id.IsZero() {
			return m.id
		}
	}
	return f.place
}

// has reports whether the event of a place is here.
func (f *inFlight) has(place event.ID) bool {
	return slices.ContainsFunc(f.messages, func(m *message) bool { return m.id == place })
}
