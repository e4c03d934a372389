package natsbroker

import (
	"log/slog"
	"maps"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxUnreadableKeys bounds how many keys are remembered whose record could not be
// read. One that is not remembered any more is logged and counted again.
const maxUnreadableKeys = 1000

// unreadable counts the records that were left out because this version cannot read
// them: another program's, damaged ones, or those of a later version in a rolling
// update. It is safe for concurrent use.
type unreadable struct {
	mu        sync.Mutex
	counts    map[string]uint64            // by stream; guarded by mu
	revisions *lru.LRU[recordName, uint64] // the newest that was left out; guarded by mu
}

type recordName struct{ stream, key string }

func newUnreadable() *unreadable {
	revisions, _ := lru.NewLRU[recordName, uint64](maxUnreadableKeys, nil) // fails for no size only
	return &unreadable{counts: make(map[string]uint64), revisions: revisions}
}

// open has the stream counted from 0 on.
func (u *unreadable) open(stream string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.counts[stream] += 0
}

// note counts a record, unless it was counted already, and reports whether it is the
// first one of its key.
func (u *unreadable) note(name recordName, revision uint64) (first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	newest, known := u.revisions.Get(name)
	if !known || newest != revision || revision == 0 {
		u.counts[name.stream]++
		u.revisions.Add(name, revision)
	}
	return !known
}

// LeaveOut says that the caller goes on without a record of a stream, since it
// cannot be read. Each record is counted once, and an error is logged for the first
// one of each key. A revision of 0 is that of a message which is in no stream.
func (b *Broker) LeaveOut(stream, key string, revision uint64, err error) {
	if b.unreadable.note(recordName{stream, key}, revision) {
		b.log.Error("record cannot be read and is left out",
			slog.String("stream", stream), slog.String("key", key), slog.Uint64("revision", revision), slog.Any("error", err))
	}
}

// Unreadable returns how many records were left out so far, by stream.
func (b *Broker) Unreadable() map[string]uint64 {
	b.unreadable.mu.Lock()
	defer b.unreadable.mu.Unlock()
	return maps.Clone(b.unreadable.counts)
}
