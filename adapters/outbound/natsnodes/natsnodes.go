// Package natsnodes implements cluster.Nodes in a NATS key-value bucket that all
// nodes share.
//
// Each node has a record there under its name, and writes it anew several times
// per term: that is its heartbeat. Every node follows the bucket and remembers by its
// own clock when it saw each record change. Its own heartbeats come back the same way;
// while they do not, it hears no other node, and so judges none.
package natsnodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/cluster"
)

const bucket = "heliograph_nodes"

const (
	// joinTime is for one try to join: servers without a leader may give no answer.
	joinTime = 2 * time.Second
	// joinPause is between two tries.
	joinPause = 250 * time.Millisecond
)

// ErrNameTaken says that another process uses the node's name. One of them has to
// stop: this one, which started first.
var ErrNameTaken = errors.New("another process has the node's name")

// Nodes is the cluster as one node sees it. It is safe for concurrent use.
type Nodes struct {
	broker *natsbroker.Broker
	kv     jetstream.KeyValue
	self   record
	term   time.Duration
	log    *slog.Logger

	mu            sync.Mutex
	revision      uint64              // of our own record; guarded by mu, as all below
	lastHeartbeat time.Time           // when we sent the newest heartbeat that was taken
	seen          map[string]sighting // by the node's name
	lastEcho      time.Time           // when we last saw a heartbeat of our own
	hearingSince  time.Time           // since when we have heard without a gap
}

var _ cluster.Nodes = (*Nodes)(nil)

// sighting is when a record changed for the last time.
type sighting struct {
	record

	revision uint64
	at       time.Time
}

// Open returns the cluster as self will see it once it has joined. A life that sends
// no heartbeat for a term counts as ended.
func Open(ctx context.Context, broker *natsbroker.Broker, self cluster.Life, term time.Duration, log *slog.Logger) (*Nodes, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	return &Nodes{
		broker: broker, kv: kv, self: record{Format: recordFormat, Life: self, Joined: time.Now().UTC()}, term: term, log: log,
		seen: make(map[string]sighting),
	}, nil
}

// Join takes the node's name, which an earlier life may have had, and reads which
// nodes are there. It sends the first heartbeat; Serve sends the others. Call it at the
// start, once this process holds everything else that only one process can hold.
// Failures are tried again until ctx ends.
func (n *Nodes) Join(ctx context.Context) error {
	for {
		limited, cancel := context.WithTimeout(ctx, joinTime)
		err := n.join(limited)
		cancel()
		if err == nil {
			return nil
		}
		if natsbroker.Pause(ctx, joinPause); ctx.Err() != nil {
			return fmt.Errorf("join the cluster: %w", err)
		}
	}
}

func (n *Nodes) join(ctx context.Context) error {
	text, err := json.Marshal(n.self)
	if err != nil {
		return err
	}
	begun := time.Now()
	revision, err := n.kv.Put(ctx, n.key(), text)
	if err != nil {
		return err
	}
	n.heartbeatTaken(revision, begun)
	return n.broker.Each(ctx, n.kv, ">", func(entry jetstream.KeyValueEntry) error {
		return n.noteRecord(entry.Key(), entry.Value(), entry.Revision())
	})
}

func (n *Nodes) key() string { return natsbroker.Key(n.self.Life.Node()) }

// Serve sends heartbeats and looks for those of the others, until ctx ends, which is no
// error. It may be called once. Errors: ErrNameTaken.
func (n *Nodes) Serve(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return n.sendHeartbeats(ctx) })
	both.Go(func() error {
		n.broker.FollowBucket(ctx, bucket, nil, func() {}, n.onRecordChanged)
		return nil
	})
	return both.Wait()
}

// Leave says that this life has ended, so that no other node has to wait for it. Call it
// after Serve.
func (n *Nodes) Leave(ctx context.Context) error {
	n.mu.Lock()
	revision := n.revision
	n.mu.Unlock()
	return n.drop(ctx, n.key(), revision)
}

func (n *Nodes) drop(ctx context.Context, key string, revision uint64) error {
	err := n.kv.Purge(ctx, key, jetstream.LastRevision(revision))
	if natsbroker.Conflict(err) {
		return nil // it is another life's
	}
	return err
}
