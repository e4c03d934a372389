package tasks

// reserve takes a seat for a task, to be used by put or given back by release.
// It reports false when there is none. What is taken on depends on no worker's
// speed: a seat of the pool is held until the task is done.
func (q *queue) reserve(typ string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[typ]
	hasToWait := l.typ.Outside || q.pooled >= q.workers
	if waiting := max(0, q.pooled-q.workers) + q.outside; hasToWait && waiting >= q.size {
		return false
	}
	*q.seatsLocked(l)++
	return true
}

// release gives a seat back of which nothing came.
func (q *queue) release(typ string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*q.seatsLocked(q.lines[typ])--
}

// seatsLocked is how many seats of l's kind are taken.
func (q *queue) seatsLocked(l *line) *int {
	if l.typ.Outside {
		return &q.outside
	}
	return &q.pooled
}
