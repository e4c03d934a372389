package bootstrap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.uber.org/fx"

	"heliograph/adapters/outbound/demotasks"
	"heliograph/adapters/outbound/prommetrics"
	"heliograph/application/outputs"
	"heliograph/application/tasks"
	"heliograph/application/tasks/snapshots"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// TaskTypes is the fx group of what can be started: a product adds its own with
// fx.Annotate(mytasks.Type, fx.ResultTags(bootstrap.TaskTypes)).
const TaskTypes = `group:"task_types"`

// tasksModule is the task service and the types that it runs.
func tasksModule() fx.Option {
	const several = `group:"task_types,flatten"`
	return fx.Module("tasks", provideComponents(taskComponents), fx.Provide(
		fx.Annotate(demoTypes, fx.ResultTags(several)),
		fx.Annotate(namedTypes.types, fx.ResultTags(several)),
		newNamedTypes, newTaskSnapshots, newTaskFile,
		fx.Annotate(newTasks, fx.As(fx.Self()), fx.As(new(task.Service)), fx.As(new(task.Reader)), fx.As(new(task.Workers))),
	))
}

func taskComponents(s *tasks.Service, front *front) []component {
	return []component{{
		Name: "tasks", Phase: phaseTasks,
		Start: func(ctx context.Context) error {
			front.starting.waitsFor("the tasks to be read")
			if err := s.StartWorkers(ctx); err != nil {
				return fmt.Errorf("start tasks: %w", err)
			}
			return nil
		},
		Stop: s.Stop,
	}}
}

// demoTypes are for trying things out, so production does without.
func demoTypes(cfg Config) ([]task.Type, error) {
	if cfg.Environment == Production {
		return nil, nil
	}
	return demotasks.Types()
}

type taskParts struct {
	fx.In

	Config    Config
	Store     task.Store
	Nodes     cluster.Nodes
	Types     []task.Type `group:"task_types"`
	Publisher event.Publisher
	Metrics   *prommetrics.Metrics
	Outputs   *outputs.Writers
	Keeper    *outputs.Keeper
	Log       *slog.Logger
}

func newTasks(p taskParts) (*tasks.Service, error) {
	cfg := tasks.Config{
		MaxWorkers: p.Config.Tasks.MaxWorkers, QueueSize: p.Config.Tasks.QueueSize, ScheduledMax: p.Config.Tasks.ScheduledMax,
		Timeout: p.Config.Tasks.Timeout, CleanupInterval: p.Config.Tasks.CleanupInterval,
		RetentionCount: p.Config.Tasks.RetentionCount, RetentionBytes: int(p.Config.Tasks.RetentionBytes),
		ProgressRate: p.Config.Tasks.ProgressRate, CancelGrace: p.Config.Tasks.CancelGrace, MaxEventBytes: int(p.Config.Stream.MaxEvent),
		Oversee: p.Config.Broker.heartbeatInterval(), MaxWritten: p.Config.Gateway.maxWritten(),
	}
	s, err := tasks.New(cfg, tasks.Deps{
		Store: p.Store, Nodes: p.Nodes, Types: p.Types, Publisher: p.Publisher, Metrics: p.Metrics.Tasks(names(p.Types)...),
		Outputs: p.Outputs, Removed: p.Keeper.Removed, NewID: uuid.NewString, Log: p.Log,
	})
	if err != nil {
		return nil, err
	}
	return s, p.Metrics.WatchTasks(s.Counts, s.Scheduled)
}

func newTaskSnapshots(cfg Config, store task.Store, sender gateway.Sender) *snapshots.Observer {
	return snapshots.New(store, sender, int(cfg.Stream.MaxEvent))
}

func names(types []task.Type) []string {
	all := make([]string, 0, len(types))
	for _, t := range types {
		all = append(all, t.Name)
	}
	return all
}
