package timetable

import "time"

// SetClock has t read another clock.
func (t *Timetable) SetClock(now func() time.Time) { t.now = now }
