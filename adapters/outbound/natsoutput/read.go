package natsoutput

import (
	"context"
	"errors"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

// Read implements output.Store.
func (s *Store) Read(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	last, err := s.last(ctx, allOf(id))
	if err != nil {
		return output.Chunk{}, unavailable(ctx, err)
	}
	length := last.piece.End()
	if from > length {
		return output.Chunk{}, &output.OffsetError{Length: length}
	}
	p, err := s.reader.read(ctx, id, last, from, limit)
	if err != nil {
		return output.Chunk{}, unavailable(ctx, err)
	}
	return output.Chunk{Piece: p, Length: max(length, p.End())}, nil // it may have grown meanwhile
}

// reader finds what is read in the messages of an output. It is safe for concurrent use.
type reader struct {
	messages

	tail   int64 // as Config.Tail
	states *states
}

// read returns what a reader at from gets of the output that ends with last.
func (r reader) read(ctx context.Context, id task.ID, last message, from int64, limit int) (output.Piece, error) {
	end := output.Piece{Offset: last.piece.End()}
	w := output.WindowOf(end.Offset, r.tail)
	for from = w.Next(from); from < end.Offset; from = w.Next(from) {
		m, err := r.covering(ctx, id, last, from)
		if errors.Is(err, errNoMore) { // gone meanwhile: a newer end is there, and whoever reads again sees it
			break
		}
		if err != nil {
			return output.Piece{}, err
		}
		p := w.Cut(m.piece, from, limit)
		if len(p.Text) > 0 {
			r.states.passed(id, p.End(), m)
			return p, nil
		}
		from = p.Offset
	}
	return end, nil
}

// covering returns the message that has the byte at an offset, or the first one after it.
func (r reader) covering(ctx context.Context, id task.ID, last message, at int64) (message, error) {
	if last.piece.Offset <= at {
		return last, nil
	}
	m, err := r.near(ctx, id, at)
	for err == nil && m.piece.End() <= at {
		m, err = r.next(ctx, allOf(id), m.sequence+1)
	}
	return m, err
}

// near returns a message that begins at an offset or before it, and not long before, if
// there is one.
func (r reader) near(ctx context.Context, id task.ID, at int64) (message, error) {
	if sequence, ok := r.states.after(id, at); ok { // a reader goes on
		return r.next(ctx, allOf(id), sequence)
	}
	block := at / blockBytes
	if block > 0 { // its last message may go on into this block
		m, err := r.last(ctx, blockOf(id, block-1))
		if err != nil || m.piece.End() > at {
			return m, err
		}
	}
	m, err := r.next(ctx, blockOf(id, block), 1)
	if errors.Is(err, errNoMore) {
		return r.next(ctx, allOf(id), 1)
	}
	return m, err
}
