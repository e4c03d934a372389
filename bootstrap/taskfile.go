package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/commandtasks"
	"heliograph/adapters/outbound/prommetrics"
	"heliograph/application/tasks"
	"heliograph/domain/task"
)

// tasksFileVariable is before every mistake in the file.
const tasksFileVariable = "TASKS_FILE: "

// namedTypes are those of TASKS_FILE at the start. All parts of the service have the same:
// the file may change meanwhile.
type namedTypes []task.Type

func newNamedTypes(cfg Config, log *slog.Logger) (namedTypes, error) { return fileTypes(cfg, log) }

func (n namedTypes) types() []task.Type { return n }

// fileTypes are the commands and workers that TASKS_FILE names. It is called when
// the configuration is checked, so that a mistake in the file is reported like any
// other, once to wire it, and whenever it is to be read again.
func fileTypes(cfg Config, log *slog.Logger) ([]task.Type, error) {
	return cfg.readTypes(tasksFileVariable, log)
}

// readTypes reads the file. Every mistake begins with prefix.
func (c Config) readTypes(prefix string, log *slog.Logger) ([]task.Type, error) {
	types, err := c.Tasks.readFile(prefix, log)
	if err != nil {
		return nil, err
	}
	builtIn, err := demoTypes(c)
	for _, own := range builtIn {
		if contains(types, own.Name) {
			return nil, fmt.Errorf("%s%s: %s: the service has a type of this name", prefix, c.Tasks.File, own.Name)
		}
	}
	return types, err
}

func contains(types []task.Type, name string) bool {
	return slices.ContainsFunc(types, func(t task.Type) bool { return t.Name == name })
}

func (c TasksConfig) readFile(prefix string, log *slog.Logger) ([]task.Type, error) {
	if c.File == "" {
		return nil, nil
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("%s%w", prefix, err)
	}
	host := commandtasks.Host{Grace: c.CancelGrace, Lookup: os.LookupEnv, Log: log}
	return commandtasks.Parse(prefix+c.File, content, host)
}

// CheckTasksFile returns the names of the task types in a file, as a service with these
// variables would read it; what is wrong with any other variable is not looked for. The
// error joins every mistake, one a line, as path:line: what is wrong.
func CheckTasksFile(path string, environ map[string]string, host Host) ([]string, error) {
	environ = maps.Clone(environ)
	delete(environ, "TASKS_FILE")
	cfg, _ := Load(environ, host)
	cfg.Tasks.File = path
	types, err := cfg.readTypes("", slog.New(slog.DiscardHandler))
	return names(types), err
}

// taskFile reads TASKS_FILE again while the service runs.
type taskFile struct {
	parts taskFileParts
	own   []task.Type // those that the file does not name

	mu    sync.Mutex
	named []task.Type // in the file as it was read last; guarded by mu
}

type taskFileParts struct {
	fx.In

	Config  Config
	Types   []task.Type `group:"task_types"`
	Named   namedTypes
	Service *tasks.Service
	Metrics *prommetrics.Metrics
	Log     *slog.Logger
}

func newTaskFile(p taskFileParts) *taskFile {
	own := slices.DeleteFunc(slices.Clone(p.Types), func(t task.Type) bool { return contains(p.Named, t.Name) })
	return &taskFile{parts: p, own: own, named: p.Named}
}

// reload reads the file again. If there is a mistake in it, it is logged and nothing
// changes.
func (f *taskFile) reload(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	read, err := f.apply()
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			f.parts.Log.ErrorContext(ctx, "tasks file was read again and nothing was changed, because of a mistake", slog.String("error", strings.TrimSpace(line)))
		}
		return
	}
	before := f.named
	f.named = read
	f.parts.Log.InfoContext(ctx, "tasks file was read again", slog.Int("types", len(read)),
		slog.Any("added", without(read, before)), slog.Any("removed", without(before, read)))
}

// apply makes what is in the file the task types of the service. Errors: each mistake.
func (f *taskFile) apply() ([]task.Type, error) {
	read, err := fileTypes(f.parts.Config, f.parts.Log)
	if err != nil {
		return nil, err
	}
	known := otherScopes(f.parts.Types)
	for _, typ := range read {
		if f.parts.Config.Auth.Required() && typ.Scope != "" && !slices.Contains(known, typ.Scope) {
			err = errors.Join(err, fmt.Errorf("%s%s: %s: no entry had the scope %q at the start; it needs a restart", tasksFileVariable, f.parts.Config.Tasks.File, typ.Name, typ.Scope))
		}
	}
	if err != nil {
		return nil, err
	}
	if err = f.parts.Service.SetTypes(slices.Concat(f.own, read)); err != nil {
		return nil, fmt.Errorf("%s%s: %w", tasksFileVariable, f.parts.Config.Tasks.File, err)
	}
	f.parts.Metrics.Tasks(names(read)...) // which are 0 from the start
	return read, nil
}

// without returns the names of types that are not among others.
func without(types, others []task.Type) []string {
	return names(slices.DeleteFunc(slices.Clone(types), func(t task.Type) bool { return contains(others, t.Name) }))
}
