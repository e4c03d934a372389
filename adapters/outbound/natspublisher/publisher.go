package natspublisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
)

const (
	// publishTime rides out a server's restart or a change of leader. With what is
	// still under way after it, it is less than duplicateTime.
	publishTime = 15 * time.Second
	// tryTime is for one try: short enough for a second one.
	tryTime = 2 * time.Second
	// tryPause is between two tries.
	tryPause = 100 * time.Millisecond
	// topics is how many topics' newest sequences are kept at hand. One that is not
	// costs two requests more.
	topics = 4096
)

// Publisher adds events to the log, and hands what it holds to this node's
// Receiver. It is safe for concurrent use.
type Publisher struct {
	log      *Log
	receiver event.Receiver
	maxBytes int
	logger   *slog.Logger

	tryTime time.Duration // publishTime; tests have less

	closed    atomic.Bool
	newest    *lru.Cache[string, position] // of each topic, as far as we know
	unordered chan struct{}                // full while an event is under way that has a topic, but no order in it

	last      uint64               // handed to receiver; owned by Serve
	delivered *natsbroker.Position // last, for others
	awaited   atomic.Uint64        // the newest that Flush waits for: opened with, or published here
}

var _ event.Publisher = (*Publisher)(nil)

// New returns a Publisher to log. maxBytes bounds an event's payload (rule E8); 0
// is no bound. The receiver gets nothing until Serve.
func New(log *Log, maxBytes int, receiver event.Receiver, logger *slog.Logger) (*Publisher, error) {
	newest, err := lru.New[string, position](topics)
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		log: log, receiver: receiver, maxBytes: maxBytes, logger: logger, tryTime: publishTime,
		newest: newest, unordered: make(chan struct{}, 1), last: log.start, delivered: natsbroker.NewPosition(log.start),
	}
	p.awaited.Store(log.newest)
	return p, nil
}

// Close ends publishing: from then on Publish returns event.ErrClosed. It may be
// called twice and never fails.
func (p *Publisher) Close(context.Context) error {
	p.closed.Store(true)
	return nil
}

// Publish implements event.Publisher. While NATS is away it tries again, under
// the same message ID, so that the event is added once.
func (p *Publisher) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if err := p.check(ctx, ev); err != nil {
		return event.ID{}, err
	}
	o, err := p.submission(ev)
	if err != nil {
		return event.ID{}, err
	}
	limited, cancel := context.WithTimeout(ctx, p.tryTime)
	defer cancel()
	if o.topic != "" && o.order == 0 { // at the same time they would only come between each other's look and try
		select {
		case p.unordered <- struct{}{}:
			defer func() { <-p.unordered }()
		case <-limited.Done():
			return event.ID{}, unavailable(ctx, limited.Err())
		}
	}
	for {
		seq, err := p.try(limited, o)
		switch {
		case err == nil:
			return p.log.id(seq), nil
		case errors.Is(err, event.ErrStale):
			return event.ID{}, err
		case errors.Is(err, nats.ErrConnectionClosed):
			return event.ID{}, fmt.Errorf("%w: %w", event.ErrClosed, err)
		case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
			return event.ID{}, fmt.Errorf("%w: %w", event.ErrTooLarge, err)
		case limited.Err() != nil, errors.Is(err, natsbroker.ErrDisk):
			return event.ID{}, unavailable(ctx, err)
		}
		natsbroker.Pause(limited, tryPause)
	}
}

// check refuses what need not be sent to find out.
func (p *Publisher) check(ctx context.Context, ev event.Event) error {
	if err := ev.Validate(); err != nil {
		return err
	}
	if p.maxBytes > 0 && len(ev.Data) > p.maxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", event.ErrTooLarge, len(ev.Data), p.maxBytes)
	}
	if p.closed.Load() {
		return event.ErrClosed
	}
	return ctx.Err()
}

// position is that of a topic's newest event. The zero position is before the first.
type position struct{ seq, order uint64 }

var inThisStream = []string{streamName} // is never changed

// submission is an event on its way into the log.
type submission struct {
	event event.Event
	msg   *nats.Msg // with a message ID, by which the server knows it again
	topic string
	order uint64
}

func (p *Publisher) submission(ev event.Event) (submission, error) {
	msg, err := encode(ev)
	if err != nil {
		return submission{}, err
	}
	var id string
	if ev.Topic != "" && ev.Order > 0 {
		id = ev.Topic + "/" + strconv.FormatUint(ev.Order, 10)
	} else {
		id = nuid.Next()
	}
	msg.Header[jetstream.MsgIDHeader], msg.Header[jetstream.ExpectedStreamHeader] = []string{id}, inThisStream
	return submission{event: ev, msg: msg, topic: ev.Topic, order: ev.Order}, nil
}

// try offers the event to the server. Within a topic it says which event must be
// the newest, so that nothing that is late gets in behind a newer one.
func (p *Publisher) try(ctx context.Context, o submission) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	for {
		newest, _ := p.newest.Get(o.topic)
		if o.order > 0 && o.order <= newest.order {
			return o.inPlaceOf(newest)
		}
		if o.topic != "" {
			natsbroker.ExpectNewest(o.msg, newest.seq)
		}
		ack, err := p.log.broker.PublishDecoded(ctx, o.msg, &o.event)
		if err == nil {
			p.newest.Add(o.topic, position{ack.Sequence, o.order})
			p.expect(ack.Sequence)
			return ack.Sequence, nil
		}
		if !natsbroker.Conflict(err) {
			return 0, err
		}
		if err := p.fetchNewest(ctx, o); err != nil {
			return 0, err
		}
	}
}

// inPlaceOf is what becomes of an event that is not newer than the newest one:
// it is that one, or it comes too late.
func (o submission) inPlaceOf(newest position) (seq uint64, err error) {
	if o.order == newest.order {
		return newest.seq, nil
	}
	return 0, fmt.Errorf("%w: number %d of %s, the newest is %d", event.ErrStale, o.order, o.topic, newest.order)
}

// fetchNewest finds out the position of the newest event of o's topic.
func (p *Publisher) fetchNewest(ctx context.Context, o submission) error {
	stream, err := p.log.broker.JetStream().Stream(ctx, streamName)
	if err != nil {
		return err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, o.msg.Subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // retention has dropped it
		p.newest.Remove(o.topic)
		return nil
	}
	if err != nil {
		return err
	}
	newest, _ := decode(msg.Header, msg.Data) // one that is no event is in the line, and has no number in it
	p.newest.Add(o.topic, position{msg.Sequence, newest.Order})
	return nil
}
