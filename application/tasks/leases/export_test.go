package leases

// Remembered returns how many renewals are remembered.
func (l *Leases) Remembered() int { return len(l.renewals.at) }
