package bootstrap

import (
	"log/slog"

	"go.uber.org/fx"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/memreceipts"
	"heliograph/adapters/outbound/natsreceipts"
	"heliograph/application/appevents"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// eventsModule publishes events of the application's own (rule E11). What it has answered
// to Idempotency-Keys is remembered where the broker keeps things.
func eventsModule(cfg Config) fx.Option {
	receipts := fx.Annotate(openReceipts, fx.As(new(appevent.Receipts)))
	if !cfg.Broker.Durable() {
		receipts = fx.Annotate(func() *memreceipts.Receipts { return memreceipts.New(appevent.KeyTime) }, fx.As(new(appevent.Receipts)))
	}
	return fx.Module("events", provideComponents(eventComponents), fx.Provide(
		fx.Annotate(newEvents, fx.As(fx.Self()), fx.As(new(appevent.Service))), receipts,
	))
}

func openReceipts(cfg Config, broker *natsbroker.Broker, start startContext) (*natsreceipts.Receipts, error) {
	ctx, cancel := start.opening()
	defer cancel()
	receipts, err := natsreceipts.Open(ctx, broker, appevent.KeyTime)
	return receipts, cfg.Broker.cannotOpen("receipts of events", err)
}

func newEvents(cfg Config, publisher event.Publisher, m gateway.Messenger, receipts appevent.Receipts, log *slog.Logger) *appevents.Service {
	return appevents.New(appevents.Config{
		MaxEventBytes: int(cfg.Stream.MaxEvent), MaxWritten: cfg.Gateway.maxWritten(),
	}, appevents.Deps{Publisher: publisher, Messenger: m, Receipts: receipts, Log: log})
}

func eventComponents(s *appevents.Service) []component {
	return []component{{Name: "application events", Phase: phaseSources, Drain: s.Drain}}
}
