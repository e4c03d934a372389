// Package fates keeps what became of the last events for a stream, in little memory: what
// had the same fate one after the other is one entry, and entries are packed (rule W6).
package fates

import (
	"encoding/binary"
	"slices"
	"time"

	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
)

const (
	// maxEntries is how many entries a Log has at most, and maxPacked how many bytes all but
	// the last of them: a size class of Go's allocator, with which a Log has less than 300.
	maxEntries = 100
	maxPacked  = 192
)

// kinds are what fates are stored as.
var kinds = [...]diagnosis.Kind{
	diagnosis.Written, diagnosis.Replayed, diagnosis.Reset, diagnosis.Dropped, diagnosis.Conflated, diagnosis.Failed, diagnosis.Recovered,
	diagnosis.Opened, diagnosis.Replaced, diagnosis.Ended, diagnosis.Refused,
}

// Stamp is a time in tenths of a second since the year 2026 began.
type Stamp uint32

const stampUnit = 100 * time.Millisecond

var stampZero = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// StampOf returns the stamp of a time, rounded down; 0 for earlier ones.
func StampOf(t time.Time) Stamp { return Stamp(max(0, t.Sub(stampZero)/stampUnit)) } //nolint:gosec // until 2039

// Time is what StampOf was given, rounded down.
func (s Stamp) Time() time.Time { return stampZero.Add(time.Duration(s) * stampUnit) }

// Entry is what became of events.
type Entry struct {
	Kind  diagnosis.Kind
	Name  Word // of the event; 0 for none
	Why   Word // 0 for nothing to say
	Count int  // 0 for what is no event
	// First and Seq are the sequences of the first and the last of the log events; 0 for others.
	First, Seq uint64
	At         Stamp
}

// last is an Entry that may grow.
type last struct {
	first, seq uint64
	at         Stamp
	count      uint32
	name, why  Word
	kind       uint8
}

// Log is the entries of one stream. Its zero value is empty. It is not safe for concurrent
// use.
type Log struct {
	// Mark is the caller's: how much of what it derives by itself is recorded.
	Mark uint64

	packed  []byte // all but the last, oldest first
	before  uint64 // sequence before the first of them
	began   Stamp  // and time
	end     uint64 // sequence of the newest of them
	ended   Stamp  // and time
	last    last
	entries uint8 // last included
}

// The bits of an entry's first byte, beside its kind.
const (
	hasCount = 1 << (iota + 4) // is not 1
	hasName
	hasSeq
	hasWhy
)

// Add adds an entry, or makes the last one grow if it is the same and that one goes on.
func (l *Log) Add(e Entry) {
	if e.Seq <= l.LastSeq() { // a private event has the ID of the log event before it
		e.First, e.Seq = 0, 0
	}
	kind := uint8(max(0, slices.Index(kinds[:], e.Kind))) //nolint:gosec // a few
	if l.entries > 0 {
		if l.last.kind == kind && l.last.name == e.Name && l.last.why == e.Why && e.Count > 0 && (l.last.seq == 0) == (e.Seq == 0) {
			l.last.count += uint32(e.Count) //nolint:gosec // a run of four billion may wrap around
			l.last.seq, l.last.at = max(l.last.seq, e.Seq), max(l.last.at, e.At)
			return
		}
		l.pack()
	}
	if e.First == 0 {
		e.First = e.Seq
	}
	l.last = last{kind: kind, name: e.Name, why: e.Why, count: uint32(e.Count), first: e.First, seq: e.Seq, at: max(e.At, l.ended)} //nolint:gosec // see above
	l.entries++
	for l.entries > maxEntries {
		l.drop()
	}
}

// LastSeq is the sequence of the newest log event of which there is an entry; 0 for none.
func (l *Log) LastSeq() uint64 { return max(l.end, l.last.seq) }

// pack appends the last entry to the packed ones.
func (l *Log) pack() {
	var buf [48]byte
	e := l.last
	b := append(buf[:0], e.kind)
	b = binary.AppendUvarint(b, uint64(e.at-l.ended))
	if e.count != 1 {
		b[0] |= hasCount
		b = binary.AppendUvarint(b, uint64(e.count))
	}
	if e.name != 0 {
		b[0] |= hasName
		b = binary.AppendUvarint(b, uint64(e.name))
	}
	if e.why != 0 {
		b[0] |= hasWhy
		b = binary.AppendUvarint(b, uint64(e.why))
	}
	if e.seq > l.end {
		b[0] |= hasSeq
		b = binary.AppendUvarint(b, e.seq-l.end)
		b = binary.AppendUvarint(b, e.seq-min(e.first, e.seq))
		l.end = e.seq
	}
	l.ended = e.at
	for len(l.packed)+len(b) > maxPacked {
		l.drop()
	}
	l.grow(len(b))
	l.packed = append(l.packed, b...)
}

// grow makes room for n more bytes in as few steps as append would, but in size classes.
func (l *Log) grow(n int) {
	for _, size := range [...]int{16, 48, 96, maxPacked} {
		if need := len(l.packed) + n; need <= size || size == maxPacked {
			if cap(l.packed) < need {
				l.packed = append(make([]byte, 0, size), l.packed...)
			}
			return
		}
	}
}

// drop forgets the oldest packed entry.
func (l *Log) drop() {
	if len(l.packed) == 0 {
		return
	}
	e, n := unpack(l.packed, l.began, l.before)
	l.began, l.before = e.At, max(l.before, e.Seq)
	l.packed = l.packed[:copy(l.packed, l.packed[n:])]
	l.entries--
}

// unpack reads an entry that follows a time and a sequence, and returns how many bytes it has.
func unpack(b []byte, at Stamp, seq uint64) (e Entry, n int) {
	n = 1
	next := func() uint64 {
		v, size := binary.Uvarint(b[n:])
		n += size
		return v
	}
	e.Kind, e.Count = kinds[b[0]&0xf], 1
	e.At = at + Stamp(next()) //nolint:gosec // what pack wrote
	if b[0]&hasCount != 0 {
		e.Count = int(next()) //nolint:gosec // likewise
	}
	if b[0]&hasName != 0 {
		e.Name = Word(next()) //nolint:gosec // likewise
	}
	if b[0]&hasWhy != 0 {
		e.Why = Word(next()) //nolint:gosec // likewise
	}
	if b[0]&hasSeq != 0 {
		e.Seq = seq + next()
		e.First = e.Seq - next()
	}
	return e, n
}

// All returns the entries, the oldest first.
func (l *Log) All() []Entry {
	if l == nil || l.entries == 0 {
		return nil
	}
	all := make([]Entry, 0, l.entries)
	at, seq := l.began, l.before
	for b := l.packed; len(b) > 0; {
		e, n := unpack(b, at, seq)
		b, at, seq = b[n:], e.At, max(seq, e.Seq)
		all = append(all, e)
	}
	e := l.last
	return append(all, Entry{Kind: kinds[e.kind], Name: e.name, Why: e.why, Count: int(e.count), First: e.first, Seq: e.seq, At: e.at})
}

// Fates returns entries as they are told. epoch is that of the log.
func Fates(entries []Entry, words *Words, epoch string) []diagnosis.Fate {
	fates := make([]diagnosis.Fate, len(entries))
	for i, e := range entries {
		fates[i] = diagnosis.Fate{At: e.At.Time(), Kind: e.Kind, Type: words.Text(e.Name), Count: e.Count, Why: words.Text(e.Why)}
		if e.Seq > 0 {
			fates[i].First, fates[i].Last = event.ID{Epoch: epoch, Seq: e.First}, event.ID{Epoch: epoch, Seq: e.Seq}
		}
	}
	return fates
}
