package fates

import "heliograph/domain/connection"

// maxEnded is how many streams that have ended are remembered: half a megabyte.
const maxEnded = 1024

// Ended is the entries of the streams that ended last. Its zero value is empty. It is not safe
// for concurrent use.
type Ended struct {
	logs  map[connection.Token]*Log
	order []connection.Token // a ring
	next  int                // of order, the oldest
}

// Add adds a stream, and forgets the oldest if there are too many.
func (e *Ended) Add(token connection.Token, l *Log) {
	if e.logs == nil {
		e.logs = map[connection.Token]*Log{}
	}
	if len(e.order) < maxEnded {
		e.order = append(e.order, token)
	} else {
		delete(e.logs, e.order[e.next])
		e.order[e.next] = token
		e.next = (e.next + 1) % maxEnded
	}
	e.logs[token] = l
}

// Of returns the entries of a stream, nil if it is not known.
func (e *Ended) Of(token connection.Token) *Log { return e.logs[token] }
