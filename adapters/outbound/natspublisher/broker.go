package natspublisher

import (
	"context"
	"log/slog"

	"heliograph/adapters/internal/natsbroker"
)

// Broker is the connection to NATS that all of its adapters share.
type Broker = natsbroker.Broker

// BrokerConfig says where NATS is.
type BrokerConfig = natsbroker.Config

// OpenBroker is natsbroker.Open.
func OpenBroker(ctx context.Context, cfg BrokerConfig, log *slog.Logger) (*Broker, error) {
	return natsbroker.Open(ctx, cfg, log)
}
