package natsbroker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// clusterReplicas is how many servers of a cluster hold each record: with three,
// one may be lost.
const clusterReplicas = 3

// Codes of the server's errors that the client library has no name for.
const (
	codeNoSpace     jetstream.ErrorCode = 10047 // the disk is too small for the stream's bound
	codeNoPeers     jetstream.ErrorCode = 10005 // fewer servers are there than replicas
	codeNotReplicas jetstream.ErrorCode = 10074 // it is no cluster

	codeNoResources        jetstream.ErrorCode = 10023 // the server's storage is full
	codeNoAccountResources jetstream.ErrorCode = 10002 // the account's is
)

// Stream returns the stream of want's name, which is made if it is not there.
// With one that is there, want's bounds are put in force and all else stays as
// it is, so that an operator may choose replicas and placement. Its CachedInfo is
// of now.
func (b *Broker) Stream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	if err := b.room.checkSize(want.Name, want.MaxBytes); err != nil {
		return nil, err
	}
	s, err := retryUntilAnswered(ctx, b, func(ctx context.Context) (jetstream.Stream, error) { return openStream(ctx, b.js, b.cfg, want) })
	switch {
	case codeOf(err) == codeNoSpace:
		return nil, fmt.Errorf("too little free disk space: stream %s may take %d bytes, and a third more must be free: %w", want.Name, want.MaxBytes, err)
	case codeOf(err) == codeNoPeers:
		return nil, fmt.Errorf("stream %s is to have %d replicas, and the cluster has not so many servers with room for it: %w", want.Name, clusterReplicas, err)
	case err != nil:
		return nil, fmt.Errorf("stream %s: %w", want.Name, err)
	}
	b.opened.note(s.CachedInfo())
	b.unreadable.open(want.Name)
	b.manifest.logLosses(ctx, b.log, s.CachedInfo())
	return s, nil
}

// openStream is one try of Broker.Stream.
func openStream(ctx context.Context, js jetstream.JetStream, cfg Config, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = createStream(ctx, js, cfg, want)
	}
	if err != nil {
		return nil, err
	}
	have := s.CachedInfo().Config
	if have.MaxBytes == want.MaxBytes && have.MaxMsgs == want.MaxMsgs && have.MaxAge == want.MaxAge {
		return s, nil
	}
	have.MaxBytes, have.MaxMsgs, have.MaxAge = want.MaxBytes, want.MaxMsgs, want.MaxAge
	return js.UpdateStream(ctx, have)
}

// createStream makes a stream with a cluster's replicas, or with one where there is no
// cluster, unless another node makes it at the same moment. A cluster that has too
// few servers now may be starting: fewer replicas would be for good.
func createStream(ctx context.Context, js jetstream.JetStream, cfg Config, want jetstream.StreamConfig) (jetstream.Stream, error) {
	if cfg.InMemory {
		want.Storage = jetstream.MemoryStorage
	}
	want.Replicas = 1
	if cfg.URL != "" {
		want.Replicas = clusterReplicas
	}
	s, err := js.CreateStream(ctx, want)
	if codeOf(err) == codeNotReplicas {
		want.Replicas = 1
		s, err = js.CreateStream(ctx, want)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return js.Stream(ctx, want.Name)
	}
	return s, err
}

// Conflict reports whether err says that what was to be changed is not as it was
// expected to be.
func Conflict(err error) bool {
	code := codeOf(err)
	return code == jetstream.JSErrCodeStreamWrongLastSequence || code == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

// codeOf is the server's code for err, or 0.
func codeOf(err error) jetstream.ErrorCode {
	var answer jetstream.JetStreamError
	if !errors.As(err, &answer) || answer.APIError() == nil {
		return 0
	}
	return answer.APIError().ErrorCode
}
