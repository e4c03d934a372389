package bootstrap

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"heliograph/application/connections"
	"heliograph/application/connections/credentials"
	lookup "heliograph/application/diagnosis"
	"heliograph/application/outputs/following"
	"heliograph/application/tasks/snapshots"
	"heliograph/application/versions"
	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// connectionsModule holds the connections, and the way of events to them.
func connectionsModule() fx.Option {
	return fx.Module("connections", provideComponents(connectionComponents), fx.Provide(
		fx.Annotate(newManager, fx.As(fx.Self()), fx.As(new(connection.Manager)), fx.As(new(gateway.Listener))),
		fx.Annotate(connections.NewMessenger, fx.As(new(gateway.Messenger))),
		func(m *connections.Manager) connection.Credentials { return m.Credentials() },
		newReceiver, lookup.NewBook, fx.Annotate(newDiagnosis, fx.As(new(diagnosis.Service))),
	))
}

// newReceiver has this node learn from a log event before its streams get it.
func newReceiver(state *versions.State, sender gateway.Sender, log *slog.Logger) event.Receiver {
	return state.Receiver(gatewayReceiver{sender, log})
}

// gatewayReceiver hands the log events of the broker to this node's streams.
type gatewayReceiver struct {
	sender gateway.Sender
	log    *slog.Logger
}

// Receive implements event.Receiver.
func (r gatewayReceiver) Receive(ctx context.Context, rec event.Record) {
	if err := r.sender.Broadcast(ctx, rec); err != nil {
		r.log.ErrorContext(ctx, "log event did not reach the gateway", slog.String("event", rec.Event.Name),
			slog.String("id", rec.ID.String()), slog.Any("error", err))
	}
}

// managerParts is what a Manager is made of.
type managerParts struct {
	fx.In

	Config      Config
	Registry    connection.Registry
	Roster      connection.Roster
	Sender      gateway.Sender
	Control     gateway.Control
	Revocations access.Revocations
	Followings  *following.Service
	Book        *lookup.Book
	Metrics     connection.Metrics
	Log         *slog.Logger
}

func newManager(p managerParts) *connections.Manager {
	return connections.New(connections.Config{
		Node: p.Config.NodeName, ObserverTimeout: p.Config.Gateway.ObserverTimeout,
		Credentials: credentials.Config{Notice: p.Config.Auth.ExpiryNotice, Required: p.Config.Auth.Required()},
	}, connections.Deps{
		Registry: p.Registry, Roster: p.Roster, Sender: p.Sender, Control: p.Control, Revocations: p.Revocations, Followings: p.Followings, Book: p.Book, Metrics: p.Metrics, Log: p.Log,
	})
}

type diagnosisParts struct {
	fx.In

	Config    Config
	Roster    connection.Roster
	Registry  connection.Registry
	Control   gateway.Control
	Nodes     cluster.Nodes
	Streams   diagnosis.Streams
	Questions cluster.Questions
	Book      *lookup.Book
}

func newDiagnosis(p diagnosisParts) *lookup.Service {
	return lookup.New(lookup.Deps{
		Node: p.Config.NodeName, Roster: p.Roster, Registry: p.Registry, Control: p.Control, Nodes: p.Nodes,
		Streams: p.Streams, Questions: p.Questions, Book: p.Book,
	})
}

// connectionComponents sends new connections the version first when it is known
// at once; its look-up may take seconds, and tasks do not wait for that (rule C7).
func connectionComponents(m *connections.Manager, t *snapshots.Observer, v *versions.Service, f *following.Service) []component {
	return []component{{
		Name: "connections", Phase: phaseConnections,
		Start: func(context.Context) error {
			version, laterVersion := v.Observers()
			m.Observe("versions at once", version)
			m.Observe("tasks", t)
			m.Observe("versions", laterVersion)
			m.Observe("output", f)
			return nil
		},
		Drain: m.Drain, Stop: m.Stop,
	}, {Name: "credentials of streams", Phase: phaseSources, Serve: m.Credentials().Serve}}
}
