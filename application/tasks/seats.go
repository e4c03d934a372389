package tasks

// reserve takes a seat for a task, to be used by put or given back by release.
// It reports false when there is none. What is taken on depends on no worker's
// speed: a seat of the pool is held until the task is done.
func (q *queue) reserve(typ string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := max(0, q.pooled-q.workers) + q.outside
	if q.lines[typ].typ.Outside {
		if waiting >= q.size {
			return false
		}
		q.outside++
		return true
	}
	if q.pooled >= q.workers && waiting >= q.size {
		return false
	}
	q.pooled++
	return true
}

// release gives a seat back of which nothing came.
func (q *queue) release(typ string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked(q.lines[typ])
}

func (q *queue) releaseLocked(l *line) {
	if l.typ.Outside {
		q.outside--
	} else {
		q.pooled--
	}
}

func (q *queue) seatLocked(l *line) {
	if l.typ.Outside {
		q.outside++
	} else {
		q.pooled++
	}
}
