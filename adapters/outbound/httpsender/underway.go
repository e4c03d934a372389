package httpsender

import (
	"slices"

	"heliograph/domain/event"
)

const (
	// maxBatch is how many events are posted before the first is answered: enough
	// to keep a gateway busy, and few enough to be repeated.
	maxBatch = 32
	// maxBatchBytes bounds their bodies.
	maxBatchBytes = 256 << 10
)

// postableLocked reports whether the trunk's event may be posted now: everything
// private that was handed over before it has left, and is settled. Nobody waits
// for streams that recover, which may take as long as observers do.
func (o *outbox) postableLocked() bool {
	if !o.reachable || o.waitsLocked() || o.posting || o.busy > o.sick {
		return false
	}
	return len(o.underway) > 0 || o.can.Broadcast && o.trunk.first() != nil && o.trunk.first().toAll()
}

func (o *outbox) wakePosterLocked() {
	if o.postableLocked() {
		o.trunkDue.Signal()
	}
}

// nextPost waits for events that may be posted to all streams, and hands them to
// the caller until it says what became of them: settle, and if some are left
// repeat, giveUp or exchanged. It returns nil after stop.
func (o *outbox) nextPost() (batch []*message, ids bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.postableLocked() && !o.stopped {
		o.trunkDue.Wait()
	}
	if o.stopped {
		return nil, false
	}
	if len(o.underway) == 0 {
		o.underway, o.doubtful = o.batchLocked(), false
	}
	o.posting = true
	return o.underway, o.can.EventID
}

// batchLocked takes from the trunk what can be posted at once: what cannot be
// repeated goes alone, or a failure would cost the others too.
func (o *outbox) batchLocked() []*message {
	batch, size := []*message{o.trunk.take()}, 0
	for m := o.trunk.first(); m != nil && m.toAll() && o.can.EventID && !m.id.IsZero() && !batch[0].id.IsZero(); m = o.trunk.first() {
		if size += len(m.fields); len(batch) == maxBatch || size > maxBatchBytes {
			break
		}
		batch = append(batch, o.trunk.take())
	}
	return batch
}

// settle says that the first n events under way have left for good. If those are
// all, the post has ended.
func (o *outbox) settle(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settleLocked(n)
	if len(o.underway) == 0 {
		o.endPostLocked()
	}
}

func (o *outbox) settleLocked(n int) {
	for _, m := range o.underway[:n] {
		o.advanceLocked(m)
	}
	o.underway = o.underway[n:]
	o.tellLocked()
}

// giveUp says that the first event under way is lost.
func (o *outbox) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gap = o.gap || !o.underway[0].ev.Control()
	o.settleLocked(1)
	o.endPostLocked()
}

// repeat has what is under way posted again, as soon as the gateway can be
// reached. If it was never sent, it goes back to what waits, and can be conflated.
func (o *outbox) repeat(sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubtful = o.doubtful || sent
	for _, m := range o.underway {
		o.delayLocked(m)
	}
	if !o.doubtful {
		for _, m := range slices.Backward(o.underway) {
			if !slices.ContainsFunc(o.trunk.messages, func(newer *message) bool { return newer.replaces(m) }) {
				o.trunk.putBack(m)
			}
		}
		o.underway = nil
		o.tellLocked()
	}
	o.endPostLocked()
}

// exchanged says that the gateway knows no broadcasts any more: what is under way
// goes to each connection instead, and so does all that follows.
func (o *outbox) exchanged() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.can.Broadcast = false
	o.divideLocked()
	o.endPostLocked()
}

// divideLocked gives what is under way to each connection.
func (o *outbox) divideLocked() {
	for _, m := range o.underway {
		o.expandLocked(m)
	}
	o.settleLocked(len(o.underway))
}

// noteTakenLocked notes that a client has got everything up to id. Of what is under
// way, up to upTo, a gateway had taken so much.
func (o *outbox) noteTakenLocked(id, upTo event.ID) {
	if len(o.underway) > 0 && id.Epoch == upTo.Epoch && id.Seq <= upTo.Seq && (id.Epoch != o.taken.Epoch || id.Seq > o.taken.Seq) {
		o.taken = id
	}
}

// takenLocked settles what is under way and some client has got: a gateway had taken
// it, and the one that is there now must not be given it again.
func (o *outbox) takenLocked() {
	for len(o.underway) > 0 && o.underway[0].id.Epoch == o.taken.Epoch && o.underway[0].id.Seq <= o.taken.Seq {
		o.settleLocked(1)
	}
}

func (o *outbox) endPostLocked() {
	o.posting = false
	o.takenLocked()
	o.posted.Broadcast()
	if o.first != nil {
		o.laneDue.Broadcast()
	}
	o.pumpLocked()
}

// startLocked is the place after which a stream that joins now reads: what its
// client missed up to there has to be sent to it.
func (o *outbox) startLocked() event.ID {
	for _, m := range slices.Backward(o.underway) {
		if !m.id.IsZero() {
			return m.id
		}
	}
	return o.place
}
