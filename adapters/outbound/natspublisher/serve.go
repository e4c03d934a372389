package natspublisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
)

// flushInterval is how often Flush looks whether what it waits for is still there.
const flushInterval = time.Second

// errBehind: the log has dropped events that this node had not got yet. Clients
// here would miss them without a notice; after a restart they get one.
var errBehind = errors.New("the log has dropped events that this node did not get")

// Serve hands the log to the Receiver, from Log.Start on, in order and each event
// once, until ctx ends. It may be called once. An error means that clients here
// cannot be kept up to date any more.
func (p *Publisher) Serve(ctx context.Context) error {
	var retries natsbroker.RetryLogger
	for {
		err := p.log.broker.Follow(ctx, streamName, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: p.last + 1,
		}, func(m natsbroker.Message) error { return p.receive(ctx, m) })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is no failure
		}
		if _, gone := p.log.state(ctx); errors.Is(gone, natsbroker.ErrStreamDeleted) || errors.Is(err, errBehind) {
			return errors.Join(err, gone)
		}
		retries.Wait(ctx, p.logger, streamName, err)
	}
}

// Flush returns once the Receiver has all that was in the log when it was opened
// and that was published here before the call, but for what is not there any more.
// Errors: ctx.Err(), with how far it came.
func (p *Publisher) Flush(ctx context.Context) error {
	for due := p.awaited.Load(); ; {
		limited, cancel := context.WithTimeout(ctx, flushInterval)
		err := p.delivered.Wait(limited, due)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("read the log, of which %s: %w", p.Progress(), ctx.Err())
		}
		// An event may have been removed before this node got it.
		if state, err := p.log.state(ctx); err == nil {
			if newest, err := p.log.newestOf(ctx, state); err == nil {
				due = min(due, newest)
			}
		}
	}
}

// Progress says how far the Receiver has come in the log, for people.
func (p *Publisher) Progress() string {
	return fmt.Sprintf("event %d was read, the newest is %d", p.delivered.At(), p.awaited.Load())
}

// expect has Flush wait for the event of that sequence.
func (p *Publisher) expect(seq uint64) {
	for due := p.awaited.Load(); seq > due && !p.awaited.CompareAndSwap(due, seq); due = p.awaited.Load() {
	}
}

func (p *Publisher) receive(ctx context.Context, m natsbroker.Message) error {
	seq := m.Sequence
	if seq <= p.last {
		return nil
	}
	if err := p.checkGap(ctx, seq); err != nil {
		return err
	}
	p.last = seq
	defer p.delivered.Set(seq)
	if own, ok := m.Decoded.(*event.Event); ok {
		p.receiver.Receive(ctx, event.Record{ID: p.log.id(seq), Event: *own})
		return nil
	}
	ev, err := decode(m.Header, m.Data)
	if err != nil { // not written by a node
		p.log.broker.LeaveOut(streamName, m.Subject, seq, err)
		return nil
	}
	p.receiver.Receive(ctx, event.Record{ID: p.log.id(seq), Event: ev})
	return nil
}

// checkGap tells events that the log dropped before this node got them from those that
// are gone for all nodes. Before the first one no client can miss any.
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
