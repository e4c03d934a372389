package scheduler

// maxWaitingBytes bounds the params of all tasks that wait, which are in memory:
// as much as TASK_RETENTION_BYTES allows for finished ones.
const maxWaitingBytes = 256 << 20

// capacity says how many tasks are taken on. Its Queue's mutex guards it.
type capacity struct {
	workers  int // of the pool
	size     int // tasks of one type that may wait
	maxBytes int // of the params of all that wait
	pooled   int // places that all types of the pool hold
}

// hasPlace reports whether one more task of q may be taken on. Each type has as many
// places to wait as another, so that one which no worker takes keeps no other out; a
// free worker of the pool is a place, too.
func (c *capacity) hasPlace(q *typeQueue) bool {
	if q.typ.Outside {
		return q.held < c.size
	}
	others := c.pooled - q.held
	return q.held < c.size+max(q.running, c.workers-others)
}

// hasRoom reports whether so many more bytes of q may wait beside all others. Half
// of the bound is shared out evenly among the types, so that none can use up all of
// it. What a type has beyond its share counts against the other half.
func (c *capacity) hasRoom(q *typeQueue, all map[string]*typeQueue, bytes int) bool {
	half := c.maxBytes / 2
	share := half / len(all)
	if q.bytes+bytes <= share {
		return true
	}
	beyond := bytes
	for _, other := range all {
		beyond += max(0, other.bytes-share)
	}
	beyond -= max(0, min(bytes, share-q.bytes)) // what of it fits into the share
	return beyond <= half
}

// hold adds to the places and the bytes that q holds.
func (c *capacity) hold(q *typeQueue, places, bytes int) {
	q.held += places
	q.bytes += bytes
	if !q.typ.Outside {
		c.pooled += places
	}
}

// take takes the first task of q out, to be run.
func (c *capacity) take(q *typeQueue) *Entry {
	e := q.take()
	c.hold(q, -q.placesToWait(), -e.bytes)
	return e
}
