package versions

import "heliograph/domain/version"

// ballot decides which of the source's versions counts (rule V8). Its zero value
// believes every answer. A failed look-up is no answer: it neither counts nor
// ends a row.
type ballot struct {
	needed  int             // fresh answers in a row that make a new version count
	latest  version.Answer  // the newest, counting or not
	row     int             // how many fresh answers in a row had latest's name
	settled version.Version // what counts; none before the first answer
}

// fresh reports whether a is news.
func (b *ballot) fresh(a version.Answer) bool { return a.At.After(b.latest.At) }

// take counts a fresh answer. The first one counts at once, and so does another
// payload of the version that counts already.
func (b *ballot) take(a version.Answer) {
	if a.Version.Name() == b.latest.Version.Name() {
		b.row++
	} else {
		b.row = 1
	}
	b.latest = a
	if b.settled.IsZero() || b.settled.Name() == a.Version.Name() || b.row >= b.needed {
		b.settled = a.Version
	}
}
