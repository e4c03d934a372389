// Package natspublisher implements event.Publisher and event.History over NATS
// JetStream: one stream is the log of all nodes, with a subject for each topic,
// and each node follows it with one consumer. An event's ID is the stream's
// creation and the message's sequence, so every node reads it the same way, and
// after a restart too.
package natspublisher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/event"
)

const (
	streamName = "heliograph_events"
	subjects   = "heliograph.events."

	// duplicateTime is how long the server knows an event again by its message ID:
	// longer than Publish tries, and than a late copy can be on its way.
	duplicateTime = 30 * time.Second
)

// LogConfig is for the log that all nodes share.
type LogConfig struct {
	// MaxBytes and MaxAge bound what is retained, whichever is reached first;
	// MaxBytes counts about 200 bytes more than an event's payload. 0 is no bound.
	MaxBytes int64
	MaxAge   time.Duration
	// Replay has this node's Receiver get what is retained already, too.
	Replay bool
	// Reader names whoever goes on where it ended (Log.Leave); "" is nobody.
	Reader string
}

// Log is the log. It is safe for concurrent use.
type Log struct {
	broker *natsbroker.Broker
	epoch  string
	start  uint64
	newest uint64 // when the log was opened

	places  jetstream.KeyValue // nil without a reader
	reader  string             // its key in places
	resumed bool
}

var _ event.History = (*Log)(nil)

// OpenLog returns the log, which is made if it is not there yet.
func OpenLog(ctx context.Context, broker *natsbroker.Broker, cfg LogConfig) (*Log, error) {
	stream, err := broker.Stream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjects + ">"},
		MaxBytes: cmp.Or(cfg.MaxBytes, -1), MaxMsgs: -1, MaxAge: cfg.MaxAge, Discard: jetstream.DiscardOld,
		Duplicates: duplicateTime, AllowDirect: true,
	})
	if err != nil {
		return nil, err
	}
	info := stream.CachedInfo()
	l := &Log{broker: broker, epoch: epochOf(info), start: info.State.LastSeq, newest: info.State.LastSeq}
	if cfg.Replay {
		l.start = max(info.State.FirstSeq, 1) - 1
	}
	if cfg.Reader != "" {
		err = l.resume(ctx, cfg.Reader, info.State)
	}
	return l, err
}

// epochOf makes a stream that was made anew another epoch.
func epochOf(info *jetstream.StreamInfo) string {
	return strconv.FormatInt(info.Created.UnixNano(), 36)
}

// Start is the place after which this node's Receiver gets events.
func (l *Log) Start() event.ID { return l.id(l.start) }

func (l *Log) id(seq uint64) event.ID { return event.ID{Epoch: l.epoch, Seq: seq} }

// state asks the server what the stream holds now. Errors: natsbroker.ErrGone.
func (l *Log) state(ctx context.Context) (jetstream.StreamState, error) {
	info, err := l.info(ctx)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return info.State, nil
}

// info asks the server about the stream. Errors: natsbroker.ErrGone.
func (l *Log) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	stream, err := l.broker.JetStream().Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && epochOf(stream.CachedInfo()) != l.epoch {
		return nil, fmt.Errorf("%w: %s", natsbroker.ErrGone, streamName)
	}
	if err != nil {
		return nil, err
	}
	return stream.CachedInfo(), nil
}
