package httpsender

// reach says that the gateway answers, and what it can. The trunk waits until
// adopted is called, if it was unreachable before: then reach reports true.
func (o *outbox) reach(can capabilities) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	news = !o.reachable
	o.can = can
	o.reachable, o.away = true, false
	o.adopting = o.adopting || news
	if !o.posting && !can.Broadcast {
		o.divideLocked()
	}
	if news {
		o.allDelayed, o.allNamed = false, false
		o.laneDue.Broadcast()
		o.tellLocked()
	}
	o.pumpLocked()
	return news
}

// adopted says that the gateway's streams are known.
func (o *outbox) adopted() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.adopting = false
	o.pumpLocked()
}

// lose says that the gateway cannot be reached.
func (o *outbox) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reachable, o.away = false, true
	for _, m := range o.trunk.messages {
		o.delayLocked(m)
	}
}

// reaches reports whether the gateway answers.
func (o *outbox) reaches() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reachable
}

// capabilities returns what the gateway can, as far as it is known.
func (o *outbox) capabilities() capabilities {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.can
}

// state returns what is worth knowing from outside.
func (o *outbox) state() (reachable bool, waiting int, overflows uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reachable, len(o.trunk.messages), o.overflows
}

// tellLocked wakes those who wait for a change.
func (o *outbox) tellLocked() {
	close(o.changed)
	o.changed = make(chan struct{})
}
