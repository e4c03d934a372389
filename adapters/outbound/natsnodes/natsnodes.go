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
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/cluster"
)

const bucketName = "heliograph_nodes"

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
	bucket *natsbroker.Bucket
	self   record
	term   time.Duration
	view   *view
	log    *slog.Logger
}

var _ cluster.Nodes = (*Nodes)(nil)

// Open returns the cluster as self will see it once it has joined. A life that sends
// no heartbeat for a term counts as ended. build is what the other nodes show of this one.
func Open(ctx context.Context, broker *natsbroker.Broker, self cluster.Life, build cluster.Identity, term time.Duration, log *slog.Logger) (*Nodes, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return nil, err
	}
	own := record{Format: recordFormat, Life: self, Joined: time.Now().UTC(), Version: build.Version, BuiltFrom: build.Revision}
	return &Nodes{bucket: bucket, self: own, term: term, view: newView(own, term), log: log}, nil
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
	revision, err := n.bucket.Put(ctx, n.key(), text)
	if err != nil {
		return err
	}
	n.view.heartbeatTaken(revision, begun)
	return n.bucket.Each(ctx, ">", func(entry jetstream.KeyValueEntry) error {
		return n.view.note(entry.Key(), entry.Value(), entry.Revision())
	})
}

func (n *Nodes) key() string { return natsbroker.Key(n.self.Life.Node()) }

// Serve sends heartbeats and looks for those of the others, until ctx ends, which is no
// error. It may be called once. Errors: ErrNameTaken.
func (n *Nodes) Serve(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return n.sendHeartbeats(ctx) })
	both.Go(func() error {
		n.bucket.Follow(ctx, nil, func() {}, n.onRecordChanged)
		return nil
	})
	return both.Wait()
}

// Leave says that this life has ended, so that no other node has to wait for it. Call it
// after Serve.
func (n *Nodes) Leave(ctx context.Context) error {
	return n.drop(ctx, n.key(), n.view.ownRevision())
}

func (n *Nodes) drop(ctx context.Context, key string, revision uint64) error {
	err := n.bucket.Purge(ctx, key, revision)
	if natsbroker.Conflict(err) {
		return nil // it is another life's
	}
	return err
}

// onRecordChanged takes what has become of a node's record.
func (n *Nodes) onRecordChanged(c natsbroker.Change) error {
	if !c.Deleted {
		return n.view.note(c.Key, c.Value, c.Revision)
	}
	parts, err := natsbroker.Parts(c.Key)
	if err != nil {
		return err
	}
	n.view.forget(parts[0])
	return nil
}

// Self implements cluster.Nodes.
func (n *Nodes) Self() cluster.Life { return n.self.Life }

// Alive implements cluster.Nodes. This life counts as ended a third of a term before the
// others take it for ended.
func (n *Nodes) Alive(life cluster.Life) bool { return n.view.alive(life) }

// Present implements cluster.Nodes.
func (n *Nodes) Present() []string { return n.view.present() }

// Leads implements cluster.Nodes: of the nodes that are alive, the one that joined first.
func (n *Nodes) Leads() bool { return n.view.leads() }

// Alone implements cluster.Nodes.
func (*Nodes) Alone() bool { return false }
