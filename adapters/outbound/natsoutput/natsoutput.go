// Package natsoutput implements output.Store in a NATS JetStream stream that all nodes
// share.
//
// Each call that appends is one message, so that it costs one write. Its subject names the
// task and the block of 64 KiB in which the text begins. That is what bounds an output:
// a block that is neither head nor tail any more is removed as a whole, and the messages
// of a block become one when they are many, so that a task which prints letter by letter
// takes no more than one which prints pages. An expected sequence with each write keeps
// two nodes from appending at the same offset.
//
// The stream takes nothing new when it is full, so an output is never lost without a
// trace: to make room the oldest are replaced by a message without text, which says how
// long they were.
//
// Nodes tell each other of what was appended by a message that is not stored.
package natsoutput

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	streamName = "heliograph_output"
	subjects   = "heliograph.output."
	// notices is where nodes say that an output has grown.
	notices = "heliograph.grown."

	// defaultTotal is room for some five hundred outputs that are as large as they may be.
	defaultTotal = 512 << 20
	// blockBytes is what the text of a block's messages begins within. The first block is
	// the head.
	blockBytes = output.HeadBytes
	// maxMessages is how many messages of the block that is written become one: an append
	// copies 64 KiB / 256 bytes for that on average.
	maxMessages = 256
	// fewMessages of a block that is complete stay as they are.
	fewMessages = 8
	// maxEvicted bounds how many outputs one append removes to make room.
	maxEvicted = 256
)

// Config bounds a Store. The nodes must agree on it.
type Config struct {
	// Tail is how much of the end of each output is kept, in bytes; 0 is
	// output.DefaultTail.
	Tail int64
	// Total is what all outputs take together at most, in bytes; 0 is 512 MiB, or less on
	// a small disk. One output always has room.
	Total int64
}

// Store keeps outputs in NATS. It is safe for concurrent use.
type Store struct {
	messages

	tail   int64
	log    *slog.Logger
	reader reader
	states *states
	seed   maphash.Seed
	locks  [64]sync.Mutex // one of them serialises the appends of this node to an output
}

var _ output.Store = (*Store)(nil)

// Open returns the Store, whose stream is made if it is not there.
func Open(ctx context.Context, broker *natsbroker.Broker, cfg Config, log *slog.Logger) (*Store, error) {
	if cfg.Tail == 0 {
		cfg.Tail = output.DefaultTail
	}
	if cfg.Total == 0 {
		cfg.Total = max(broker.DiskShare(defaultTotal), 4*(cfg.Tail+output.HeadBytes))
	}
	stream, err := broker.Stream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjects + ">"},
		MaxBytes: cfg.Total, MaxMsgs: -1, Discard: jetstream.DiscardNew, Duplicates: 0,
	})
	if err != nil {
		return nil, err
	}
	all, states := messages{broker, stream}, new(states)
	return &Store{
		messages: all, tail: cfg.Tail, log: log, reader: reader{messages: all, tail: cfg.Tail, states: states},
		states: states, seed: maphash.MakeSeed(),
	}, nil
}

// allOf is the subject of all messages of an output.
func allOf(id task.ID) string { return subjects + natsbroker.Key(string(id)) + ".>" }

func blockOf(id task.ID, block int64) string {
	return fmt.Sprintf("%s%s.%d", subjects, natsbroker.Key(string(id)), block)
}

// taskOf returns the task whose output a message is of.
func taskOf(subject string) (task.ID, error) {
	key, _, _ := strings.Cut(strings.TrimPrefix(subject, subjects), ".")
	parts, err := natsbroker.Parts(key)
	if err != nil || len(parts) != 1 {
		return "", fmt.Errorf("subject %q names no task: %w", subject, err)
	}
	return task.ID(parts[0]), nil
}

// Length implements output.Store.
func (s *Store) Length(ctx context.Context, id task.ID) (int64, error) {
	st, err := s.load(ctx, id)
	return st.length, unavailable(ctx, err)
}

// load asks the stream what the output's last message is.
func (s *Store) load(ctx context.Context, id task.ID) (state, error) {
	m, err := s.last(ctx, allOf(id))
	if err != nil {
		return state{}, err
	}
	st := m.state()
	s.states.put(id, st)
	return st, nil
}

// Append implements output.Store.
func (s *Store) Append(ctx context.Context, id task.ID, offset int64, text []byte) (int64, error) {
	lock := &s.locks[maphash.String(s.seed, string(id))%uint64(len(s.locks))]
	lock.Lock()
	defer lock.Unlock()
	st, known := s.states.get(id)
	for {
		// A block without messages may be one that was removed: no expected sequence keeps
		// a call that was held up for long from appending there, but a new look does.
		if !known || st.length != offset || st.block != offset/blockBytes {
			var err error
			if st, err = s.load(ctx, id); err != nil {
				return 0, unavailable(ctx, err)
			}
		}
		if st.length != offset {
			return s.repeated(ctx, id, st.length, offset, text)
		}
		if len(text) == 0 {
			return offset, nil
		}
		next, err := s.add(ctx, id, st, text)
		if natsbroker.Conflict(err) { // another node has appended
			known = false
			continue
		}
		if err != nil {
			s.states.drop(id)
			return 0, unavailable(ctx, err)
		}
		s.states.put(id, next)
		s.forget(ctx, id, st.length, next.length)
		_ = s.broker.Conn().Publish(notices+natsbroker.Key(string(id)), nil) // without a connection nothing could have been appended
		return next.length, nil
	}
}

// repeated returns the length if the output has that text at the offset already.
func (s *Store) repeated(ctx context.Context, id task.ID, length, offset int64, text []byte) (int64, error) {
	wrong := &output.OffsetError{Length: length}
	if offset < 0 || len(text) == 0 || offset+int64(len(text)) > length {
		return 0, wrong
	}
	for len(text) > 0 {
		c, err := s.Read(ctx, id, offset, len(text))
		if err != nil {
			return 0, err
		}
		size := min(len(text), len(c.Text))
		if c.Offset != offset || size == 0 || !bytes.Equal(text[:size], c.Text[:size]) {
			return 0, wrong
		}
		offset, text = offset+int64(size), text[size:]
	}
	return length, nil
}

// add writes text at the end, which st says, and returns the end then. Errors: one that
// natsbroker.Conflict knows if that is not the end any more.
func (s *Store) add(ctx context.Context, id task.ID, st state, text []byte) (state, error) {
	block := st.length / blockBytes
	if st.messages > maxMessages || block != st.block && st.messages > fewMessages {
		var err error
		if st, err = s.merge(ctx, id, st); err != nil {
			return state{}, err
		}
	}
	next := state{length: st.length + int64(len(text)), block: block, messages: 1}
	var before uint64
	if block == st.block {
		before, next.messages = st.sequence, st.messages+1
	}
	var err error
	next.sequence, err = s.write(ctx, id, message{subject: blockOf(id, block), piece: output.Piece{Offset: st.length, Text: text}, messages: next.messages}, before)
	return next, err
}

// write publishes m if the last message of its subject is that of the sequence before. It
// makes room for it.
func (s *Store) write(ctx context.Context, id task.ID, m message, before uint64) (uint64, error) {
	for evicted := 0; ; evicted++ {
		ack, err := s.broker.Publish(ctx, m.encode(), jetstream.WithExpectLastSequencePerSubject(before))
		if err == nil {
			return ack.Sequence, nil
		}
		if !natsbroker.Full(err) || evicted == maxEvicted {
			return 0, err
		}
		if err := s.evictOldest(ctx, id); err != nil {
			return 0, err
		}
	}
}

// merge makes one message of those of the block that is written, and returns the end of
// the output, which is the same.
func (s *Store) merge(ctx context.Context, id task.ID, st state) (state, error) {
	subject := blockOf(id, st.block)
	first, err := s.next(ctx, subject, 1)
	if err != nil {
		return state{}, err
	}
	whole := message{subject: subject, piece: output.Piece{Offset: first.piece.Offset, Text: bytes.Clone(first.piece.Text)}, messages: 1}
	for m := first; m.sequence < st.sequence; {
		if m, err = s.next(ctx, subject, m.sequence+1); err != nil {
			return state{}, err
		}
		if skip := whole.piece.End() - m.piece.Offset; skip >= 0 && skip < int64(len(m.piece.Text)) {
			whole.piece.Text = append(whole.piece.Text, m.piece.Text[skip:]...)
		} else if skip < 0 {
			whole.piece = output.Piece{Offset: m.piece.Offset, Text: bytes.Clone(m.piece.Text)} // what was before is lost
		}
	}
	if st.sequence, err = s.write(ctx, id, whole, st.sequence); err != nil {
		return state{}, err
	}
	st.messages = 1
	s.purge(ctx, id, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeKeep(1))
	return st, nil
}

// forget removes the blocks that are neither head nor tail any more since the output had
// the length before.
func (s *Store) forget(ctx context.Context, id task.ID, before, now int64) {
	for block := max(s.firstKept(before), 1); block < s.firstKept(now); block++ {
		s.purge(ctx, id, jetstream.WithPurgeSubject(blockOf(id, block)))
	}
}

// firstKept returns the first block that may hold some of the tail. The last message of a
// block may go on in the next.
func (s *Store) firstKept(length int64) int64 {
	return max(output.WindowOf(length, s.tail).TailStart-output.MaxAppend, 0) / blockBytes
}

// purge removes messages. What stays is not read, and goes with the output.
func (s *Store) purge(ctx context.Context, id task.ID, which ...jetstream.StreamPurgeOpt) {
	if err := s.stream.Purge(ctx, which...); err != nil {
		s.log.WarnContext(ctx, "output of a task takes more room than it needs", slog.String("task_id", string(id)), slog.Any("error", err))
	}
}

// evictOldest removes the text of the output that has the oldest message, and keeps its
// length. It passes over the one that is written, and over those whose only message takes
// no more than what would replace it. Errors: one that natsbroker.Full knows, or errNoMore,
// if there is no other.
func (s *Store) evictOldest(ctx context.Context, writes task.ID) error {
	var full error
	for from, tried := uint64(1), 0; tried < maxEvicted; {
		m, err := s.next(ctx, subjects+">", from)
		if err != nil {
			return cmp.Or(full, err)
		}
		from = m.sequence + 1
		id, err := taskOf(m.subject)
		if err != nil {
			return err
		}
		if id == writes {
			continue
		}
		if full = s.evict(ctx, id, m.sequence); !natsbroker.Full(full) {
			return full
		}
		tried++
	}
	return full
}

// evict removes the text of an output, whose first message is of that sequence, and keeps
// its length. Errors: one that natsbroker.Full knows if that is its only message, and there
// is no room for the one that would replace it.
func (s *Store) evict(ctx context.Context, id task.ID, first uint64) error {
	st, err := s.load(ctx, id)
	if err != nil {
		return err
	}
	// First all but the last message, which says the length, and makes room for one that says nothing else.
	more := first < st.sequence
	if more {
		s.warnDropped(ctx, id)
		if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(allOf(id)), jetstream.WithPurgeKeep(1)); err != nil {
			return err
		}
	}
	marker := message{subject: blockOf(id, st.length/blockBytes), piece: output.Piece{Offset: st.length}}
	var before uint64
	if st.length/blockBytes == st.block {
		before = st.sequence
	}
	_, err = s.broker.Publish(ctx, marker.encode(), jetstream.WithExpectLastSequencePerSubject(before))
	if natsbroker.Conflict(err) || more && natsbroker.Full(err) { // it is written just now; or its last message has to do
		return nil
	}
	if err != nil {
		return err
	}
	if !more && st.messages > 0 { // it had text
		s.warnDropped(ctx, id)
	}
	s.states.drop(id)
	return s.stream.Purge(ctx, jetstream.WithPurgeSubject(allOf(id)), jetstream.WithPurgeKeep(1))
}

func (s *Store) warnDropped(ctx context.Context, id task.ID) {
	s.log.WarnContext(ctx, "output of a task was dropped: all outputs together have reached their limit", slog.String("task_id", string(id)))
}

// Watch implements output.Store.
func (s *Store) Watch(id task.ID, grown func()) (stop func()) {
	sub, err := s.broker.Conn().Subscribe(notices+natsbroker.Key(string(id)), func(*nats.Msg) { grown() })
	if err != nil { // the connection is closed, for good
		return func() {}
	}
	return func() { _ = sub.Unsubscribe() } // it can only be closed already
}

// Delete implements output.Store.
func (s *Store) Delete(ctx context.Context, id task.ID) error {
	s.states.drop(id)
	if _, err := s.stream.GetLastMsgForSubject(ctx, allOf(id)); errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // most tasks have none, and looking is cheaper than removing
	}
	return unavailable(ctx, s.stream.Purge(ctx, jetstream.WithPurgeSubject(allOf(id))))
}

// IDs implements output.Store.
func (s *Store) IDs(ctx context.Context) ([]task.ID, error) {
	info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(subjects+">"))
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	all := map[task.ID]bool{}
	for subject := range info.State.Subjects {
		id, err := taskOf(subject)
		if err != nil {
			s.broker.LeaveOut(streamName, subject, 0, err)
			continue
		}
		all[id] = true
	}
	return slices.Collect(maps.Keys(all)), nil
}

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return fmt.Errorf("%w: %w", output.ErrUnavailable, err)
	}
}
