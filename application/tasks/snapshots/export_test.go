package snapshots

// Held returns how many series the observer knows of, beside that of everyone.
func (o *Observer) Held() int {
	o.others.mu.Lock()
	defer o.others.mu.Unlock()
	return len(o.others.series)
}
