package bootstrap

import (
	"fmt"
	"log/slog"
	"os"
	"slices"

	"heliograph/adapters/outbound/commandtasks"
	"heliograph/domain/task"
)

// fileTypes are the commands and workers that TASKS_FILE names. It is called when
// the configuration is checked, so that a mistake in the file is reported like any
// other, and again to wire it.
func fileTypes(cfg Config, log *slog.Logger) ([]task.Type, error) {
	types, err := cfg.Tasks.readFile(log)
	if err != nil {
		return nil, err
	}
	builtIn, err := demoTypes(cfg)
	for _, own := range builtIn {
		if slices.ContainsFunc(types, func(t task.Type) bool { return t.Name == own.Name }) {
			return nil, fmt.Errorf("TASKS_FILE: %s: %s: the service has a type of this name", cfg.Tasks.File, own.Name)
		}
	}
	return types, err
}

func (c TasksConfig) readFile(log *slog.Logger) ([]task.Type, error) {
	if c.File == "" {
		return nil, nil
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("TASKS_FILE: %w", err)
	}
	host := commandtasks.Host{Grace: c.CancelGrace, Lookup: os.LookupEnv, Log: log}
	return commandtasks.Parse("TASKS_FILE: "+c.File, content, host)
}
