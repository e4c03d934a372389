package natstaskstore

import "time"

// SetClaimTime sets how long a claimed key may be without its task.
func (s *Store) SetClaimTime(d time.Duration) { s.claimTime = d }
