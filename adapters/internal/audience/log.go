package audience

import (
	"math"
	"slices"
	"sort"

	"heliograph/domain/access"
)

// Log keeps the newest events that are for some only, within a bound of bytes; the
// oldest are dropped first. It tells whether an event with one of a viewer's keys was dropped,
// so that no client is told of a loss that is not its own (rule A13).
type Log[V any] struct {
	limit   int
	held    int // bytes of entries and records
	entries deque[*Entry[V]]
	newest  uint64 // the last sequence that was appended
	dropped uint64 // the highest sequence that was dropped
	records map[access.Key]*record[V]

	// Records without entries remember only what was dropped. They are bounded too: of the
	// keys that were forgotten one number is left, so that some client may then be told of
	// a loss that is not its own.
	forgotten uint64  // the highest sequence that was dropped of a key without a record
	idle      list[V] // records without entries, the one that was emptied first at the front
	idleBytes int     // of them
}

// Entry is one event.
type Entry[V any] struct {
	Seq   uint64
	Value V

	size    int
	records []*record[V]  // of its keys but KeyOfAll
	few     [2]*record[V] // what records is made of, mostly
}

// record is what there is of one key.
type record[V any] struct {
	key     access.Key
	entries deque[*Entry[V]]
	dropped uint64 // the highest sequence that was dropped; of a new record at least what was forgotten

	before, after *record[V] // in the list of idle ones
}

const (
	// entryBytes and recordBytes are what an entry and a record take beside what the caller counts
	// and the names: structs, pointers in the deques, a slot in the map.
	entryBytes  = 200
	recordBytes = 200
	// keyBytes is what each of an entry's keys takes in it and in the key's deque.
	keyBytes = 20
	// idleShare is the part of the limit that records without entries may take: enough for
	// 10,000 keys of a log of 8 MiB.
	idleShare = 4
)

// NewLog returns a log that keeps up to limit bytes of events that follow sequence
// start. What came before start counts as dropped.
func NewLog[V any](start uint64, limit int) *Log[V] {
	return &Log[V]{
		limit: limit, newest: start, dropped: start, forgotten: start, records: make(map[access.Key]*record[V]),
	}
}

// Append adds the event of a sequence, which is higher than those before, for viewers
// with one of the keys. It takes size bytes. Those that see everything need not be among
// the keys. One that is larger than the log is dropped at once.
func (l *Log[V]) Append(seq uint64, keys []access.Key, size int, v V) {
	entry := &Entry[V]{Seq: seq, Value: v, size: entryBytes + size}
	entry.records = entry.few[:0]
	l.newest = seq
	for _, key := range keys {
		if key.Kind == access.KeyOfAll {
			continue // they read all entries
		}
		r := l.record(key)
		if last := r.entries.all(); len(last) > 0 && last[len(last)-1] == entry {
			continue // the key is there twice
		}
		r.entries.push(entry)
		entry.records = append(entry.records, r)
		entry.size += keyBytes
	}
	l.entries.push(entry)
	l.held += entry.size
	for l.held > l.limit && l.entries.len() > 0 {
		l.drop()
		l.forget()
	}
}

// record returns the record of a key that gets an entry.
func (l *Log[V]) record(key access.Key) *record[V] {
	r := l.records[key]
	switch {
	case r == nil:
		r = &record[V]{key: key, dropped: l.forgotten}
		l.records[key] = r
		l.held += r.size()
	case r.entries.len() == 0:
		l.idle.remove(r)
		l.idleBytes -= r.size()
	}
	return r
}

func (r *record[V]) size() int { return recordBytes + len(r.key.Name) }

// drop removes the oldest entry.
func (l *Log[V]) drop() {
	entry := l.entries.pop()
	l.held -= entry.size
	l.dropped = entry.Seq
	for _, r := range entry.records {
		r.entries.pop()
		r.dropped = entry.Seq
		if r.entries.len() == 0 {
			l.idle.add(r)
			l.idleBytes += r.size()
		}
	}
}

// forget removes the records without entries that are over their share.
func (l *Log[V]) forget() {
	for l.idleBytes > l.limit/idleShare {
		r := l.idle.first
		l.idle.remove(r)
		l.idleBytes -= r.size()
		l.held -= r.size()
		l.forgotten = max(l.forgotten, r.dropped)
		delete(l.records, r.key)
	}
}

// Dropped returns the highest sequence of an event that was dropped and had one of the keys,
// or may have had. With KeyOfAll it is that of any event.
func (l *Log[V]) Dropped(keys []access.Key) uint64 {
	var seq uint64
	for _, key := range keys {
		switch r := l.records[key]; {
		case key.Kind == access.KeyOfAll:
			return l.dropped
		case r == nil:
			seq = max(seq, l.forgotten)
		default:
			seq = max(seq, r.dropped)
		}
	}
	return seq
}

// Page returns the oldest events that follow sequence after, are not newer than last, and
// have one of the keys: in order, each once, at least one if there is one and otherwise as
// many as take no more than bytes in all. more tells whether others follow. It costs
// what it returns, and the logarithm of what there is.
func (l *Log[V]) Page(keys []access.Key, after, last uint64, bytes int) (page []*Entry[V], more bool) {
	sources := l.sources(keys, after)
	for {
		next := oldest(sources)
		switch {
		case next == nil || next.Seq > last:
			return page, false
		case len(page) > 0 && next.size > bytes:
			return page, true
		}
		bytes -= next.size
		page = append(page, next)
		for i, s := range sources {
			if len(s) > 0 && s[0] == next {
				sources[i] = s[1:]
			}
		}
	}
}

// Count returns how many events Page would return in all.
func (l *Log[V]) Count(keys []access.Key, after uint64) int {
	page, _ := l.Page(keys, after, math.MaxUint64, math.MaxInt)
	return len(page)
}

// sources returns, for each of the keys that has some, the entries that follow a sequence.
func (l *Log[V]) sources(keys []access.Key, after uint64) [][]*Entry[V] {
	if slices.ContainsFunc(keys, func(k access.Key) bool { return k.Kind == access.KeyOfAll }) {
		return [][]*Entry[V]{following(l.entries.all(), after)}
	}
	var all [][]*Entry[V]
	for _, key := range keys {
		if r := l.records[key]; r != nil {
			if s := following(r.entries.all(), after); len(s) > 0 {
				all = append(all, s)
			}
		}
	}
	return all
}

func following[V any](entries []*Entry[V], after uint64) []*Entry[V] {
	return entries[sort.Search(len(entries), func(i int) bool { return entries[i].Seq > after }):]
}

// oldest returns the oldest of what the sources begin with, or nil.
func oldest[V any](sources [][]*Entry[V]) (first *Entry[V]) {
	for _, s := range sources {
		if len(s) > 0 && (first == nil || s[0].Seq < first.Seq) {
			first = s[0]
		}
	}
	return first
}

// Len returns how many events follow a sequence.
func (l *Log[V]) Len(after uint64) int { return len(following(l.entries.all(), after)) }

// Newest returns the sequence of the newest event, or that of the start.
func (l *Log[V]) Newest() uint64 { return l.newest }

// Held returns about how many bytes of memory the log takes.
func (l *Log[V]) Held() int { return l.held }

// list is a doubly linked list of records. Its zero value is empty.
type list[V any] struct{ first, last *record[V] }

// add adds r at the end.
func (l *list[V]) add(r *record[V]) {
	r.before, r.after = l.last, nil
	if l.last != nil {
		l.last.after = r
	} else {
		l.first = r
	}
	l.last = r
}

func (l *list[V]) remove(r *record[V]) {
	if r.before != nil {
		r.before.after = r.after
	} else {
		l.first = r.after
	}
	if r.after != nil {
		r.after.before = r.before
	} else {
		l.last = r.before
	}
	r.before, r.after = nil, nil
}
