package tasks

// maxWaitingBytes bounds the params of all tasks that wait, which are in memory:
// as much as TASK_RETENTION_BYTES allows for finished ones.
const maxWaitingBytes = 256 << 20

// reserve takes a place for a task whose params have so many bytes, to be used by
// put or given back by release. It reports false when there is none: so many tasks
// of the type wait, or the params of those that wait are too large. What is taken
// on depends on no worker's speed: a place of the pool is held until the task is
// done.
func (q *queue) reserve(typ string, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[typ]
	if !q.hasPlaceLocked(l) || !q.hasRoomLocked(l, bytes) {
		return false
	}
	q.holdLocked(l, 1, bytes)
	return true
}

// hasPlaceLocked reports whether one more task of l may be taken on. Each type has
// as many places to wait as another, so that one which nobody works on keeps no
// other out; a free worker of the pool is a place, too.
func (q *queue) hasPlaceLocked(l *line) bool {
	if l.typ.Outside {
		return l.held < q.size
	}
	others := q.pooled - l.held
	return l.held < q.size+max(l.running, q.workers-others)
}

// hasRoomLocked reports whether so many more bytes of l may wait. Half of the bound
// is shared out evenly among the types, so that none can use up all of it. What a
// type has beyond its share counts against the other half.
func (q *queue) hasRoomLocked(l *line, bytes int) bool {
	half := q.maxBytes / 2
	share := half / len(q.lines)
	if l.bytes+bytes <= share {
		return true
	}
	beyond := bytes
	for _, other := range q.lines {
		beyond += max(0, other.bytes-share)
	}
	beyond -= max(0, min(bytes, share-l.bytes)) // what of it fits into the share
	return beyond <= half
}

// release gives a place back of which nothing came.
func (q *queue) release(typ string, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.holdLocked(q.lines[typ], -1, -bytes)
}

// holdLocked adds to the places and the bytes that l holds.
func (q *queue) holdLocked(l *line, places, bytes int) {
	l.held += places
	l.bytes += bytes
	if !l.typ.Outside {
		q.pooled += places
	}
}
