// Package pings sends the event "ping" from the service to the clients, so that a page
// can notice when the service or a part between fails. The heartbeats of gateways cannot
// show that: a page does not see SSE comments, and an external gateway sends its own
// whether or not the service is alive. A ping names the interval until the next one; a
// client that gets none for longer must reconnect (rules G5, C8).
package pings

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Service broadcasts the control event "ping" to the streams of this node.
type Service struct {
	interval time.Duration
	sender   gateway.Sender
	log      *slog.Logger
}

// New returns a Service that pings at every interval; with 0 it never does.
func New(interval time.Duration, sender gateway.Sender, log *slog.Logger) *Service {
	return &Service{interval: interval, sender: sender, log: log}
}

// Serve pings until ctx ends, and returns nil. A ping that fails is logged; the
// next one may succeed.
func (s *Service) Serve(ctx context.Context) error {
	if s.interval <= 0 {
		return nil
	}
	ticks := time.NewTicker(s.interval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticks.C:
			if err := s.ping(ctx, now); err != nil {
				s.log.WarnContext(ctx, "ping was not sent", slog.Any("error", err))
			}
		}
	}
}

func (s *Service) ping(ctx context.Context, now time.Time) error {
	data, err := json.Marshal(struct {
		Timestamp time.Time `json:"timestamp"`
		Interval  float64   `json:"interval"` // seconds until the next one
	}{now.UTC(), s.interval.Seconds()})
	if err != nil {
		return fmt.Errorf("encode ping: %w", err)
	}
	ev := event.Event{Name: stream.NamePing, Data: data, Key: stream.NamePing}
	return s.sender.Broadcast(ctx, event.Record{Event: ev})
}
