package versions

import "heliograph/domain/version"

// ballot decides which of the source's versions counts (rule V8). Its zero value
// believes every answer. A failed look-up is no answer: it neither counts nor
// ends a row.
type ballot struct {
	needed  int             // fresh answers in a row that make a new version count
	latest  version.Answer  // the newest, counting or not
	row     int             // how many fresh answers in a row had latest's name
	sameRow int             // and how many of them all of its fields
	settled version.Version // what counts; none before the first answer
}

// fresh reports whether a is newer than the latest answer.
func (b *ballot) fresh(a version.Answer) bool { return a.At.After(b.latest.At) }

// take counts a fresh answer. The first one counts at once. A new name counts when
// the name was seen in a row, whatever else changes: a source may put the time into
// its answer. Other fields of the version that counts already do when all of it was
// seen in a row.
func (b *ballot) take(a version.Answer) {
	sameName := a.Version.Name() == b.latest.Version.Name()
	same := a.Version.Same(b.latest.Version)
	b.row, b.sameRow, b.latest = next(b.row, sameName), next(b.sameRow, same), a
	row := b.row
	if a.Version.Name() == b.settled.Name() {
		row = b.sameRow
	}
	if b.settled.IsZero() || row >= b.needed {
		b.settled = a.Version
	}
}

// next is the length of a row after one more answer.
func next(row int, goesOn bool) int {
	if goesOn {
		return row + 1
	}
	return 1
}
