package natsnodes

// leads reports whether this node is, of those that are alive, the one that joined first.
func (v *view) leads() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.aliveLocked(v.self.Life) {
		return false
	}
	for _, s := range v.seen {
		if s.before(v.self) && v.aliveLocked(s.Life) {
			return false
		}
	}
	return true
}

func (r record) before(other record) bool {
	if !r.Joined.Equal(other.Joined) {
		return r.Joined.Before(other.Joined)
	}
	return r.Life < other.Life
}
