package natspublisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/event"
)

// errBehind: the log has dropped events that this node had not got yet. Clients
// here would miss them and never know; a restart tells them.
var errBehind = errors.New("the log has dropped events that this node did not get")

// Serve hands the log to the Receiver, from Log.Start on, in order and each event
// once, until ctx ends. It may be called once. An error means that clients here
// cannot be kept up to date any more.
func (p *Publisher) Serve(ctx context.Context) error {
	var trouble natsbroker.Trouble
	for {
		err := p.log.broker.Follow(ctx, streamName, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: p.last + 1,
		}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
			return p.receive(ctx, msg, meta.Sequence.Stream)
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is no failure
		}
		if _, gone := p.log.state(ctx); errors.Is(gone, natsbroker.ErrGone) || errors.Is(err, errBehind) {
			return errors.Join(err, gone)
		}
		trouble.Again(ctx, p.logger, streamName, err)
	}
}

// Flush returns once the Receiver has all that was in the log when it was opened
// and that was published here before the call. Errors: ctx.Err().
func (p *Publisher) Flush(ctx context.Context) error {
	if err := p.handed.Wait(ctx, p.due.Load()); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

// expect has Flush wait for the event of that sequence.
func (p *Publisher) expect(seq uint64) {
	for due := p.due.Load(); seq > due && !p.due.CompareAndSwap(due, seq); due = p.due.Load() {
	}
}

func (p *Publisher) receive(ctx context.Context, msg jetstream.Msg, seq uint64) error {
	if seq <= p.last {
		return nil
	}
	if err := p.checkGap(ctx, seq); err != nil {
		return err
	}
	p.last = seq
	defer p.handed.Set(seq)
	ev, err := decode(msg.Headers(), msg.Data())
	if err != nil { // somebody else's
		p.logger.WarnContext(ctx, "message in the log was left out", slog.Uint64("seq", seq), slog.Any("error", err))
		return nil
	}
	p.receiver.Receive(ctx, event.Record{ID: p.log.id(seq), Event: ev})
	return nil
}

// checkGap tells events that the log dropped before this node got them from
// those that nobody has any more. Before the first one there is nobody who could
// miss any.
func (p *Publisher) checkGap(ctx context.Context, seq uint64) error {
	if seq == p.last+1 || p.last == p.log.start {
		return nil
	}
	state, err := p.log.state(ctx)
	if err == nil && state.FirstSeq > p.last+1 {
		err = errBehind
	}
	return err
}
