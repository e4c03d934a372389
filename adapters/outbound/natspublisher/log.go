// Package natspublisher implements event.Publisher and event.History over NATS
// JetStream: one stream is the log of all nodes, with a subject for each topic,
// and each node follows it with one consumer. An event's ID is the stream's
// creation and the message's sequence, so every node reads it the same way, and
// after a restart too.
package natspublisher

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
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
	// Reader names the reader that goes on at its resume point (Log.SaveResumePoint);
	// "" is none.
	Reader string
}

// Log is the log. It is safe for concurrent use.
type Log struct {
	broker *natsbroker.Broker
	epoch  string
	start  uint64
	newest uint64 // the newest event that was there when the log was opened; 0 is none

	resumePoints *natsbroker.Bucket // nil without a reader
	reader       string             // its key in resumePoints
	resumed      bool
}

var _ event.History = (*Log)(nil)

// OpenLog returns the log, which is made if it is not there yet, and made anew if the
// broker's folder is a backup that was restored: another epoch begins then (rule G3).
func OpenLog(ctx context.Context, broker *natsbroker.Broker, cfg LogConfig) (*Log, error) {
	restored := broker.Restored()
	if restored {
		if err := broker.Renumber(ctx, streamName); err != nil {
			return nil, fmt.Errorf("begin a new epoch after a restore: %w", err)
		}
	}
	stream, err := broker.Stream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjects + ">"},
		MaxBytes: cmp.Or(cfg.MaxBytes, -1), MaxMsgs: -1, MaxAge: cfg.MaxAge, Discard: jetstream.DiscardOld,
		Duplicates: duplicateTime, AllowDirect: true,
	})
	if err != nil {
		return nil, err
	}
	if restored {
		if err := broker.RestoreDone(); err != nil {
			return nil, err
		}
	}
	info := stream.CachedInfo()
	l := &Log{broker: broker, epoch: epochOf(info), start: info.State.LastSeq}
	if l.newest, err = l.newestOf(ctx, info.State); err != nil {
		return nil, err
	}
	if cfg.Replay {
		l.start = max(info.State.FirstSeq, 1) - 1
	}
	if cfg.Reader != "" {
		err = l.loadResumePoint(ctx, cfg.Reader, info.State)
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

// state asks the server what the stream holds now. Errors: natsbroker.ErrStreamDeleted.
func (l *Log) state(ctx context.Context) (jetstream.StreamState, error) {
	info, err := l.info(ctx)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return info.State, nil
}

// info asks the server about the stream. Errors: natsbroker.ErrStreamDeleted.
func (l *Log) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	stream, err := l.broker.JetStream().Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && epochOf(stream.CachedInfo()) != l.epoch {
		return nil, fmt.Errorf("%w: %s", natsbroker.ErrStreamDeleted, streamName)
	}
	if err != nil {
		return nil, err
	}
	return stream.CachedInfo(), nil
}

// newestOf is the sequence of the newest message that the stream holds, 0 if it holds
// none. The one that state names last may have been removed, or lost by a damaged
// store: its sequence is never given out again, and no reader will get it.
func (l *Log) newestOf(ctx context.Context, state jetstream.StreamState) (uint64, error) {
	if state.Msgs == 0 {
		return 0, nil
	}
	if state.Msgs == state.LastSeq+1-state.FirstSeq { // there is no gap
		return state.LastSeq, nil
	}
	ctx, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	// Not Stream.GetLastMsgForSubject, which any server may answer, and one may lag.
	request := fmt.Appendf(nil, `{"last_by_subj":%q}`, subjects+">")
	answer, err := l.broker.Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, request)
	if err != nil {
		return 0, err
	}
	var found struct {
		Message struct {
			Seq uint64 `json:"seq"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &found); err != nil {
		return 0, err
	}
	if found.Error != nil && found.Error.Code != http.StatusNotFound {
		return 0, found.Error
	}
	return found.Message.Seq, nil
}
