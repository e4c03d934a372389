package versions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/version"
)

const (
	// storeRetryInterval is the pause before a failed write to or read of the board is
	// repeated.
	storeRetryInterval = time.Second
	// saveTime is for writing to the board: a cluster that has lost a server may need
	// seconds to go on.
	saveTime = 5 * time.Second
)

// storage keeps the State in step with the board. It is safe for concurrent use.
type storage struct {
	board   version.Board
	state   *State
	log     *slog.Logger
	unsaved chan struct{} // asks Serve to write to the board again
}

func newStorage(board version.Board, state *State, log *slog.Logger) *storage {
	return &storage{board: board, state: state, log: log, unsaved: make(chan struct{}, 1)}
}

// restore reads the board. A version that cannot be decoded counts as none.
func (s *storage) restore(ctx context.Context) error {
	current, err := s.get(ctx, version.SlotCurrent)
	if err != nil {
		return err
	}
	source, err := s.get(ctx, version.SlotSource)
	if err != nil {
		return err
	}
	s.state.restore(current, source)
	return nil
}

func (s *storage) get(ctx context.Context, slot version.Slot) (version.Logged, error) {
	v, err := s.board.Get(ctx, slot)
	if errors.Is(err, version.ErrInvalid) {
		if !s.state.isRestored() { // it is read again and again
			s.log.WarnContext(ctx, "stored version cannot be read, it counts as none", slog.String("slot", string(slot)), slog.Any("error", err))
		}
		return version.Logged{}, nil
	}
	return v, err
}

// saveState writes this node's versions to the board, where the newer ones stay.
func (s *storage) saveState(ctx context.Context) error {
	v := s.state.view()
	return errors.Join(s.put(ctx, version.SlotCurrent, v.current), s.put(ctx, version.SlotSource, v.source))
}

// save writes v to the slots of the board. A failure is logged, and Serve tries
// again: v is in the log already, so every node that runs knows it.
func (s *storage) save(ctx context.Context, v version.Logged, slots ...version.Slot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	for _, slot := range slots {
		if err := s.put(ctx, slot, v); err != nil {
			s.log.WarnContext(ctx, "current version was not stored, it will be tried again", slog.Any("error", err))
			signal(s.unsaved)
			return
		}
	}
}

func (s *storage) put(ctx context.Context, slot version.Slot, v version.Logged) error {
	if v.Version.IsZero() {
		return nil
	}
	return s.board.Put(ctx, slot, v)
}
