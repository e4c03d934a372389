package natsnodes

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
)

const (
	// heartbeats is how many a node sends per term.
	heartbeats = 3
	// deleteAfter is after how many terms of silence a record is deleted: it has
	// counted as ended for long.
	deleteAfter = 40
)

// sendHeartbeats sends heartbeats until ctx ends. A failed one is repeated soon.
func (n *Nodes) sendHeartbeats(ctx context.Context) error {
	text, err := json.Marshal(n.self)
	if err != nil {
		return err
	}
	ticks := time.NewTicker(n.term / heartbeats)
	defer ticks.Stop()
	for ctx.Err() == nil {
		err := n.sendHeartbeat(ctx, text)
		switch {
		case errors.Is(err, ErrNameTaken):
			return err
		case err == nil:
			n.deleteLongGone(ctx)
			select {
			case <-ticks.C:
			case <-ctx.Done():
			}
		case ctx.Err() == nil:
			n.log.WarnContext(ctx, "heartbeat could not be sent to the other nodes", slog.Any("error", err))
			natsbroker.Pause(ctx, n.term/heartbeats/heartbeats)
		}
	}
	return nil
}

func (n *Nodes) sendHeartbeat(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, n.term/heartbeats)
	defer cancel()
	begun := time.Now()
	revision, err := n.bucket.Update(ctx, n.key(), text, n.view.ownRevision())
	if natsbroker.Conflict(err) {
		revision, err = n.rewriteOwn(ctx, text)
	}
	if err == nil {
		n.view.heartbeatTaken(revision, begun)
	}
	return err
}

// rewriteOwn writes a record that is not as we left it: our own heartbeat was taken and its
// answer lost, the others have deleted it, or what is there is no node's record. Errors: ErrNameTaken.
func (n *Nodes) rewriteOwn(ctx context.Context, text []byte) (uint64, error) {
	entry, err := n.bucket.Get(ctx, n.key())
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return n.bucket.Create(ctx, n.key(), text)
	}
	if err != nil {
		return 0, err
	}
	there, err := decode(n.key(), entry.Value())
	if err != nil {
		n.bucket.LeaveOut(n.key(), entry.Revision(), err)
	} else if there.Life != n.self.Life {
		return 0, ErrNameTaken
	}
	return n.bucket.Update(ctx, n.key(), text, entry.Revision())
}

// deleteLongGone deletes the records of nodes that are long gone, if this node leads.
func (n *Nodes) deleteLongGone(ctx context.Context) {
	if !n.Leads() {
		return
	}
	for key, revision := range n.view.silent(deleteAfter * n.term) {
		if err := n.drop(ctx, key, revision); err != nil {
			n.log.WarnContext(ctx, "record of a node that is gone could not be deleted", slog.Any("error", err))
		}
	}
}
