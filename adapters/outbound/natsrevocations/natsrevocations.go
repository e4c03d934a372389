// Package natsrevocations implements access.Revocations in a NATS key-value bucket that
// all nodes share and follow, and that survives them.
//
// A revocation that refuses has a key of its subject and credential, and is kept for as
// long as credentials that it refuses could be shown. One that only ends streams is kept
// for a minute: until every node has it.
package natsrevocations

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/revoked"
	"heliograph/domain/access"
)

const (
	bucketName = "heliograph_revocations"
	// endTime is how long one that only ends streams is kept.
	endTime = time.Minute
	// maxRevocations bounds what is remembered, at some 500 bytes each. One more is
	// refused: forgetting another instead would let a credential in again.
	maxRevocations = 100_000
	// Keys begin with one of these.
	refuses, ends = "refuse", "end"
)

// recordFormat is that of the records that are written. It grows when an earlier version
// must not read them any more.
const recordFormat = 1

type record struct {
	Format       int       `json:"format"`
	Subject      string    `json:"subject,omitempty"`
	CredentialID string    `json:"credential_id,omitempty"`
	RequestID    string    `json:"request_id,omitempty"`
	Before       time.Time `json:"before,omitzero"`
}

// Revocations is what was revoked. It is safe for concurrent use.
type Revocations struct {
	broker *natsbroker.Broker
	bucket *natsbroker.Bucket
	keep   time.Duration
	memory *revoked.Memory

	mu   sync.Mutex
	seen uint64 // the newest revision that was read; guarded by mu
}

var _ access.Revocations = (*Revocations)(nil)

// Open reads what was revoked, which is remembered for keep. Serve has to be called.
func Open(ctx context.Context, broker *natsbroker.Broker, keep time.Duration) (*Revocations, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return nil, err
	}
	r := &Revocations{broker: broker, bucket: bucket, keep: keep, memory: revoked.New(keep)}
	return r, bucket.Each(ctx, ">", func(entry jetstream.KeyValueEntry) error {
		r.isNew(entry.Revision())
		one, err := decode(entry.Value())
		if err == nil {
			r.memory.Remember(one)
		}
		return err
	})
}

// isNew reports whether a revision is later than all that were read, and notes it.
func (r *Revocations) isNew(revision uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if revision <= r.seen {
		return false
	}
	r.seen = revision
	return true
}

// Serve follows what any node revokes until ctx ends, which is no error.
func (r *Revocations) Serve(ctx context.Context) error {
	r.bucket.Follow(ctx, []string{">"}, func() {}, func(c natsbroker.Change) error {
		if !r.isNew(c.Revision) || c.Deleted {
			return nil
		}
		one, err := decode(c.Value)
		if err == nil {
			r.memory.Add(one)
		}
		return err
	})
	return nil
}

// Revoke implements access.Revocations.
func (r *Revocations) Revoke(ctx context.Context, one access.Revocation) error {
	if one.Before.IsZero() {
		return r.end(ctx, one)
	}
	if !r.memory.Room(maxRevocations) {
		return fmt.Errorf("%w: %d revocations are remembered, and no more can be", access.ErrUnavailable, maxRevocations)
	}
	for {
		written, err := r.refuse(ctx, one)
		switch {
		case natsbroker.Conflict(err): // another node has written between
			continue
		case err != nil:
			return unavailable(ctx, err)
		}
		r.memory.Remember(one)
		if !written { // more is refused already, but streams may have been opened since
			one.Before = time.Time{}
			return r.end(ctx, one)
		}
		return nil
	}
}

// end has every node end streams.
func (r *Revocations) end(ctx context.Context, one access.Revocation) error {
	if err := r.write(ctx, natsbroker.Key(ends, rand.Text()), one, endTime, 0); err != nil {
		return unavailable(ctx, err)
	}
	return nil
}

// refuse writes a revocation unless there is one that refuses as much.
func (r *Revocations) refuse(ctx context.Context, one access.Revocation) (written bool, err error) {
	key := natsbroker.Key(refuses, natsbroker.Digest(one.Subject), natsbroker.Digest(one.CredentialID))
	there, revision, err := r.read(ctx, key)
	if err != nil || !there.Before.Before(one.Before) {
		return false, err
	}
	keep := revoked.For(one, r.keep)
	if keep > 0 {
		keep = time.Until(one.Before.Add(keep)).Truncate(time.Second) + time.Second
	}
	return true, r.write(ctx, key, one, keep, revision)
}

// read returns the revocation of a key, the zero one if there is none, and the revision
// that a write has to expect.
func (r *Revocations) read(ctx context.Context, key string) (one access.Revocation, revision uint64, err error) {
	msg, err := r.bucket.Newest(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return access.Revocation{}, 0, nil
	case err != nil:
		return access.Revocation{}, 0, err
	case natsbroker.Deleted(msg.Header):
		return access.Revocation{}, msg.Sequence, nil
	}
	if one, err = decode(msg.Data); err != nil { // it is overwritten
		r.bucket.LeaveOut(key, msg.Sequence, err)
	}
	return one, msg.Sequence, nil
}

// write puts a revocation under a key whose revision is the expected one. It goes after
// the time; 0 is never.
func (r *Revocations) write(ctx context.Context, key string, one access.Revocation, keep time.Duration, expected uint64) error {
	text, err := encode(one)
	if err != nil {
		return err
	}
	options := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(expected)}
	if keep > 0 {
		options = append(options, jetstream.WithMsgTTL(max(keep, time.Second)))
	}
	msg := nats.NewMsg(natsbroker.BucketSubject(bucketName, key))
	msg.Data = text
	_, err = r.broker.Publish(ctx, msg, options...)
	return err
}

func encode(one access.Revocation) ([]byte, error) {
	return json.Marshal(record{
		Format: recordFormat, Subject: one.Subject, CredentialID: one.CredentialID, RequestID: one.RequestID, Before: one.Before.UTC(),
	})
}

func decode(text []byte) (access.Revocation, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return access.Revocation{}, err
	}
	if r.Subject == "" && r.CredentialID == "" && r.RequestID == "" {
		return access.Revocation{}, errors.New("it names nothing")
	}
	return access.Revocation{Subject: r.Subject, CredentialID: r.CredentialID, RequestID: r.RequestID, Before: r.Before},
		natsbroker.CheckFormat(r.Format, recordFormat)
}

// Revoked implements access.Revocations.
func (r *Revocations) Revoked(p *access.Principal) bool { return r.memory.Revoked(p) }

// Watch implements access.Revocations.
func (r *Revocations) Watch(revoked func(access.Revocation)) (stop func()) {
	return r.memory.Watch(revoked)
}

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("revocation: %w: %w", access.ErrUnavailable, err)
}
