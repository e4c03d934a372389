// Package natstickets implements access.Tickets in a NATS key-value bucket that all nodes
// share. The bucket holds a digest of each ticket, and lets it go when its time is over.
package natstickets

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/principaljson"
	"heliograph/domain/access"
)

const (
	bucketName = "heliograph_tickets"
	// maxTickets bounds what the bucket holds, used tickets too; the oldest go first.
	maxTickets = 200_000
	// grace is for how much longer than good a ticket is kept: the record itself says when
	// it ends.
	grace = 10 * time.Second
)

// recordFormat is that of the records that are written. It grows when an earlier version
// must not read them any more.
const recordFormat = 1

type record struct {
	Format    int             `json:"format"`
	Until     time.Time       `json:"until"`
	Principal json.RawMessage `json:"principal"`
}

// Tickets issues and redeems tickets. It is safe for concurrent use.
type Tickets struct {
	broker *natsbroker.Broker
	bucket *natsbroker.Bucket
}

var _ access.Tickets = (*Tickets)(nil)

// Open returns the tickets. The clocks of the nodes must agree to a few seconds: a ticket
// says when it ends by the clock of the one that issued it.
func Open(ctx context.Context, broker *natsbroker.Broker) (*Tickets, error) {
	bucket, err := broker.Bucket(ctx, bucketName, maxTickets)
	return &Tickets{broker: broker, bucket: bucket}, err
}

// Issue implements access.Tickets.
func (t *Tickets) Issue(ctx context.Context, p *access.Principal, keep time.Duration) (string, error) {
	principal, err := principaljson.Encode(p)
	if err != nil {
		return "", fmt.Errorf("ticket: %w", err)
	}
	text, err := json.Marshal(record{Format: recordFormat, Until: time.Now().UTC().Add(keep), Principal: principal})
	if err != nil {
		return "", fmt.Errorf("ticket: %w", err)
	}
	ticket := rand.Text()
	msg := nats.NewMsg(natsbroker.BucketSubject(bucketName, natsbroker.Digest(ticket)))
	msg.Data = text
	_, err = t.broker.Publish(ctx, msg, jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithMsgTTL(max(keep, 0)+grace))
	if err != nil {
		return "", unavailable(ctx, err)
	}
	return ticket, nil
}

// Redeem implements access.Tickets.
func (t *Tickets) Redeem(ctx context.Context, ticket string) (p *access.Principal, known bool, err error) {
	key := natsbroker.Digest(ticket)
	msg, err := t.bucket.Newest(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, unavailable(ctx, err)
	case natsbroker.Deleted(msg.Header):
		return nil, false, nil
	}
	// Of several who come so far, the one whose marker is taken has it.
	err = t.bucket.MarkDeleted(ctx, key, msg.Sequence, grace)
	switch {
	case natsbroker.Conflict(err):
		return nil, false, nil
	case err != nil:
		return nil, false, unavailable(ctx, err)
	}
	p, err = decode(msg.Data)
	if err != nil {
		t.bucket.LeaveOut(key, msg.Sequence, err)
	}
	return p, p != nil, nil
}

// decode returns the principal of a ticket; nil if it is too old.
func decode(text []byte) (*access.Principal, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	if err := natsbroker.CheckFormat(r.Format, recordFormat); err != nil || time.Now().After(r.Until) {
		return nil, err
	}
	return principaljson.Decode(r.Principal)
}

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("ticket: %w: %w", access.ErrUnavailable, err)
}
