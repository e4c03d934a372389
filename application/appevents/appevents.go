// Package appevents publishes events of the application's own (rule E11).
//
// An event with an Idempotency-Key is published under its claim: what the nodes share about
// the key. A log event has the claim's ID as its topic and is number 1 in it, so a broker
// that outlives its callers takes it once, even if the node that published it first
// crashed before it could say so.
package appevents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/domain/appevent"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// recordTime bounds recording what was answered to a key: for long enough that NATS can
// change its leader.
const recordTime = 5 * time.Second

// topicFolder holds the topics of events with a key (event.Event.Topic).
const topicFolder = "app/"

// Config holds a Service's settings.
type Config struct {
	// MaxEventBytes bounds a payload (rule E8); 0 is no bound.
	MaxEventBytes int
	// MaxWritten bounds event.Written of it, for gateways to which it is written so; 0 is
	// no bound.
	MaxWritten int
}

// Deps holds the ports that a Service uses.
type Deps struct {
	Publisher event.Publisher
	Messenger gateway.Messenger
	Receipts  appevent.Receipts
	Log       *slog.Logger
}

// Service publishes events. It is safe for concurrent use.
type Service struct {
	cfg      Config
	deps     Deps
	draining atomic.Bool
}

var _ appevent.Service = (*Service)(nil)

// New returns a Service. It starts nothing.
func New(cfg Config, deps Deps) *Service { return &Service{cfg: cfg, deps: deps} }

// Drain ends all publishing: from then on Publish returns appevent.ErrShuttingDown. It may
// be called twice.
func (s *Service) Drain() { s.draining.Store(true) }

// Publish implements appevent.Service.
func (s *Service) Publish(ctx context.Context, r appevent.Request) (appevent.Receipt, error) {
	ev, err := s.toEvent(r)
	if err != nil {
		return appevent.Receipt{}, err
	}
	if s.draining.Load() {
		return appevent.Receipt{}, appevent.ErrShuttingDown
	}
	if r.Key == "" {
		return s.send(ctx, r, ev)
	}
	return s.sendOnce(ctx, r, ev)
}

// toEvent returns the event of r. Errors: appevent.ErrInvalidName, event.ErrInvalid,
// event.ErrTooLarge.
func (s *Service) toEvent(r appevent.Request) (event.Event, error) {
	if err := appevent.CheckName(r.Name); err != nil {
		return event.Event{}, err
	}
	var data bytes.Buffer
	if err := json.Compact(&data, r.Data); err != nil {
		return event.Event{}, fmt.Errorf("%w: %w", event.ErrInvalid, err)
	}
	if size := data.Len(); s.cfg.MaxEventBytes > 0 && size > s.cfg.MaxEventBytes {
		return event.Event{}, fmt.Errorf("%w: its data has %d bytes, at most %d are allowed", event.ErrTooLarge, size, s.cfg.MaxEventBytes)
	}
	if size := event.Written(data.Bytes()); s.cfg.MaxWritten > 0 && size > s.cfg.MaxWritten {
		return event.Event{}, fmt.Errorf("%w: its data has %d bytes as it is written to the gateway, at most %d are allowed", event.ErrTooLarge, size, s.cfg.MaxWritten)
	}
	ev := event.Event{Service: event.ServiceApp, Name: r.Name, Data: data.Bytes(), Audience: r.Audience.Audience}
	return ev, ev.Validate()
}

// send publishes ev to whom r names.
func (s *Service) send(ctx context.Context, r appevent.Request, ev event.Event) (appevent.Receipt, error) {
	if r.RequestID != "" {
		delivered, err := s.deps.Messenger.SendTo(ctx, r.RequestID, ev)
		return appevent.Receipt{Delivered: delivered}, err
	}
	id, err := s.deps.Publisher.Publish(ctx, ev)
	if err != nil {
		return appevent.Receipt{}, fmt.Errorf("publish %s: %w", ev.Name, err)
	}
	return appevent.Receipt{ID: id, Delivered: true}, nil
}

// sendOnce is send for an event with a key. Errors: appevent.ErrUnderWay also, for a
// private event that may have been sent before: no broker can tell.
func (s *Service) sendOnce(ctx context.Context, r appevent.Request, ev event.Event) (appevent.Receipt, error) {
	key := appevent.Key{Owner: r.Owner, Text: r.Key}
	claim, err := s.deps.Receipts.Claim(ctx, key)
	switch {
	case err != nil:
		return appevent.Receipt{}, fmt.Errorf("claim an Idempotency-Key: %w", err)
	case claim.Receipt != nil:
		return *claim.Receipt, nil
	case claim.Repeated && r.RequestID != "":
		return appevent.Receipt{}, appevent.ErrUnderWay
	}
	ev.Topic, ev.Order = topicFolder+claim.ID, 1
	receipt, err := s.send(ctx, r, ev)
	if err == nil || r.RequestID != "" || !uncertain(err) {
		s.record(ctx, key, claim, receipt, err)
	}
	return receipt, err
}

// uncertain reports whether a log event may have been accepted in spite of err.
func uncertain(err error) bool {
	return errors.Is(err, event.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// record settles the claim, or drops it if the event was not published because of err. If
// that fails the next caller with the key finds the claim unsettled, and publishes the
// same again, which the broker takes once.
func (s *Service) record(ctx context.Context, key appevent.Key, claim appevent.Claim, receipt appevent.Receipt, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err != nil {
		err = s.deps.Receipts.Drop(ctx, key, claim)
	} else {
		err = s.deps.Receipts.Settle(ctx, key, claim, receipt)
	}
	if err != nil {
		s.deps.Log.WarnContext(ctx, "what became of an event with an Idempotency-Key was not recorded", slog.Any("error", err))
	}
}
