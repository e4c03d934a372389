package httpsender

const (
	// maxBatch is how many events are posted before the first is answered: enough to
	// keep a gateway busy, and few enough to be repeated.
	maxBatch = 32
	// maxBatchBytes bounds their bodies.
	maxBatchBytes = 256 << 10
)

// batch is events on their way to all streams, from trunk.nextBatch until it is
// said what became of it: settle, and if some of it is left, one of the others.
type batch struct {
	messages []*message
	ids      bool // they may carry IDs

	trunk *trunk
}

// nextBatch waits for events that may be posted to all streams. It returns nil after the
// stop.
func (t *trunk) nextBatch() *batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	for (!t.postableLocked() || !t.lanes.turns.beginPost()) && !t.stopped {
		t.postDue.Wait()
	}
	if t.stopped {
		return nil
	}
	ids := t.link.capabilities().EventID
	if len(t.inFlight.messages) == 0 {
		t.inFlight.fill(&t.queue, ids, t.lanes.address)
	}
	t.inFlight.posting = true
	messages := t.inFlight.messages
	if !ids {
		messages = messages[:1] // the parts of an event cannot be repeated, either
	}
	return &batch{messages: messages, ids: ids, trunk: t}
}

// requests returns the bodies to post, and for each of them which message it is of.
// Messages for no stream have none.
func (b *batch) requests() (bodies [][]byte, of []int) {
	for i, m := range b.messages {
		if !m.named() || len(m.tokens) > 0 {
			bodies, of = append(bodies, m.broadcast(b.ids)), append(of, i)
		}
	}
	return bodies, of
}

// postableLocked reports whether something may be posted, once everything private that
// was handed over before it has left, and is settled.
func (t *trunk) postableLocked() bool {
	if !t.link.isUp() || t.pauses.any() || t.inFlight.posting {
		return false
	}
	next := t.queue.first()
	return len(t.inFlight.messages) > 0 || next != nil && !next.private() && t.link.capabilities().Broadcast
}

// settle says that the first n events have left for good. If those are all, the batch has
// ended.
func (b *batch) settle(n int) {
	t := b.trunk
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight.settle(n)
	if n == len(b.messages) {
		b.endLocked()
	}
}

// noteGap says that m, which is settled, is lost for its streams.
func (b *batch) noteGap(m *message) {
	b.trunk.mu.Lock()
	defer b.trunk.mu.Unlock()
	b.trunk.gaps.note(m, b.trunk.lanes)
}

// lose says that the first event that is left is lost.
func (b *batch) lose() {
	t := b.trunk
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gaps.note(t.inFlight.messages[0], t.lanes)
	t.inFlight.settle(1)
	b.endLocked()
}

// repeat has what is left posted again, as soon as the gateway can be reached. If it was
// never sent, it goes back to what waits, and can be conflated.
func (b *batch) repeat(sent bool) {
	t := b.trunk
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &t.inFlight
	f.unsure = f.unsure || sent
	for _, m := range f.messages {
		t.delays.add(m)
	}
	if !f.unsure {
		f.giveBack(&t.queue)
		t.link.announce()
	}
	b.endLocked()
}

// broadcastUnsupported says that the gateway knows no broadcasts any more: what is left
// goes to each connection instead, and so does all that follows.
func (b *batch) broadcastUnsupported() {
	t := b.trunk
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link.withoutBroadcast()
	t.lanes.connect(t.link.isUp(), t.link.capabilities())
	t.inFlight.fanOut()
	b.endLocked()
}

// endLocked moves on what waited for the batch. With the trunk's mutex held.
func (b *batch) endLocked() {
	b.trunk.inFlight.endPost()
	b.trunk.pumpLocked()
}

// fill takes from q what can be posted at once, once address has made of it what takes it
// to its streams. What cannot be repeated goes alone, or a failure would cost the others
// too.
func (f *inFlight) fill(q *queue, ids bool, address func(*message) []*message) {
	f.messages, f.unsure = address(q.take()), false
	if !ids || f.messages[0].id.IsZero() {
		return
	}
	size := 0
	for m := q.first(); m != nil && !m.private() && !m.id.IsZero() && len(f.messages) < maxBatch; m = q.first() {
		parts := address(m)
		for _, part := range parts {
			size += part.size()
		}
		if size > maxBatchBytes {
			return
		}
		q.take()
		f.messages = append(f.messages, parts...)
	}
}
