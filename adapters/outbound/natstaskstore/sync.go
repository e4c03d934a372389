package natstaskstore

import (
	"context"
	"sync"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/tasklist"
)

const (
	// readTime bounds the wait for the copy to be as new as the bucket.
	readTime = 5 * time.Second
	// arriveTime is how long what was written already may take to reach the copy. It
	// does so within milliseconds, unless the newest message has since been removed.
	arriveTime = 250 * time.Millisecond
)

// reader reads the copy of the bucket as it is now, for which it asks the server how new that
// has to be. It is safe for concurrent use.
type reader struct {
	bucket     *natsbroker.Bucket
	node       string
	replica    *replica
	rounds     *rounds
	serverTime serverTime
}

func newReader(bucket *natsbroker.Bucket, node string) *reader {
	r := &reader{bucket: bucket, node: node, replica: newReplica()}
	r.rounds = newRounds(r.askNewest)
	return r
}

// read calls f with the tasks, none of them older than any change of which a call has
// returned on any node, and with the server's time. Errors: task.ErrUnavailable.
func (r *reader) read(ctx context.Context, f func(tasks *tasklist.Set, now time.Time)) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	at, err := r.rounds.ask(ctx)
	if err == nil {
		err = r.replica.at(ctx, at.revision, func(tasks *tasklist.Set) { f(tasks, at.now) })
	}
	return wrapped(err)
}

// newest is what the server said of the bucket.
type newest struct {
	revision uint64    // of the last change
	now      time.Time // by the server's clock
}

// askNewest asks the server which change is the last one. That writes nothing, for
// the leader of the stream has each change before whoever made it learns of it. When
// it is not certain that the one which answers still leads, or when the last change
// does not reach the copy, it writes a record and takes that for the last one.
func (r *reader) askNewest(ctx context.Context) (newest, error) {
	info, err := r.bucket.Info(ctx)
	if err != nil {
		return newest{}, err
	}
	r.serverTime.set(info.TimeStamp)
	at := newest{revision: info.State.LastSeq, now: info.TimeStamp}
	if natsbroker.CheckLeader(info.Cluster) == nil && r.arrives(ctx, at.revision) {
		return at, nil
	}
	at.revision, err = r.bucket.Put(ctx, natsbroker.Key(bySync, r.node), nil)
	return at, err
}

// arrives reports whether the copy reaches the revision within arriveTime.
func (r *reader) arrives(ctx context.Context, revision uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, arriveTime)
	defer cancel()
	return r.replica.reached.Wait(ctx, revision) == nil
}

// rounds shares questions to the server: all callers that come while one is asked
// share the next one, for the answer to that one may be too old for them.
type rounds struct {
	askNewest func(context.Context) (newest, error)
	turn      chan struct{} // holds one token while a question is asked

	mu   sync.Mutex
	next *round // not asked yet, or nil; guarded by mu
}

// round is one question with its answer.
type round struct {
	done   chan struct{} // closed once the answer is set
	answer newest
	err    error
}

func newRounds(askNewest func(context.Context) (newest, error)) *rounds {
	return &rounds{askNewest: askNewest, turn: make(chan struct{}, 1)}
}

// ask returns an answer to a question that was asked after the call began. Errors:
// ctx.Err(), those of askNewest.
func (r *rounds) ask(ctx context.Context) (newest, error) {
	r.mu.Lock()
	shared := r.next
	if shared == nil {
		shared = &round{done: make(chan struct{})}
		r.next = shared
		go r.run(context.WithoutCancel(ctx), shared) // shared: no single caller may end it
	}
	r.mu.Unlock()
	select {
	case <-shared.done:
		return shared.answer, shared.err
	case <-ctx.Done():
		return newest{}, ctx.Err()
	}
}

// run asks when the question before has its answer.
func (r *rounds) run(ctx context.Context, shared *round) {
	defer close(shared.done)
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.mu.Lock()
	r.next = nil // calls from here on are too late for this one
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	shared.answer, shared.err = r.askNewest(ctx)
}
