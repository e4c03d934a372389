package bootstrap

import (
	"log/slog"

	"go.uber.org/fx"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/memoutput"
	"heliograph/adapters/outbound/natsoutput"
	"heliograph/application/outputs"
	"heliograph/application/outputs/following"
	"heliograph/application/tasks"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// outputsModule is what tasks print.
func outputsModule() fx.Option {
	return fx.Module("outputs", provideComponents(outputComponents), fx.Provide(
		outputs.NewWriters, outputs.NewKeeper,
		fx.Annotate(func(store output.Store, all task.Store, s *tasks.Service) *outputs.Service {
			return outputs.New(store, all, s)
		},
			fx.As(fx.Self()), fx.As(new(output.Writer)), fx.As(new(output.Reader))),
		fx.Annotate(newFollowing, fx.As(fx.Self()), fx.As(new(output.Followers))),
	))
}

type followingParts struct {
	fx.In

	Config   Config
	Outputs  *outputs.Service
	Registry connection.Registry
	Sender   gateway.Sender
	Control  gateway.Control
	Log      *slog.Logger
}

func newFollowing(p followingParts) *following.Service {
	return following.New(following.Config{MaxEventBytes: int(p.Config.Stream.MaxEvent), MaxWritten: p.Config.Gateway.maxWritten()}, following.Deps{
		Outputs: p.Outputs, Registry: p.Registry, Sender: p.Sender, Control: p.Control, Log: p.Log,
	})
}

// outputComponents hands over what streams have not got yet before these are closed, and ends the waiting of readers before the listener waits for their
// requests to end.
func outputComponents(s *outputs.Service, f *following.Service, k *outputs.Keeper) []component {
	return []component{
		{Name: "followed output", Phase: phaseLog, Stop: f.Stop},
		{Name: "outputs", Phase: phaseLog, Stop: s.Stop},
		{Name: "outputs of removed tasks", Phase: phaseProcess, Serve: k.Serve},
	}
}

func newMemoryOutputs(cfg Config, log *slog.Logger) *memoutput.Store {
	return memoutput.New(memoutput.Config{Tail: int64(cfg.Tasks.OutputBytes)}, log)
}

func openOutputs(cfg Config, broker *natsbroker.Broker, log *slog.Logger, start startContext) (*natsoutput.Store, error) {
	ctx, cancel := start.opening()
	defer cancel()
	store, err := natsoutput.Open(ctx, broker, natsoutput.Config{Tail: int64(cfg.Tasks.OutputBytes)}, log)
	return store, cfg.Broker.cannotOpen("task output", err)
}
