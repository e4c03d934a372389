package bootstrap

import (
	"fmt"
	"os"

	"heliograph/adapters/outbound/commandtasks"
	"heliograph/domain/task"
)

// fileTypes are the commands and workers that TASKS_FILE names.
func fileTypes(cfg Config) ([]task.Type, error) { return cfg.Tasks.readFile() }

// readFile reads TASKS_FILE. It is called when the configuration is checked, so
// that a mistake in the file is told like any other, and again to wire it.
func (c TasksConfig) readFile() ([]task.Type, error) {
	if c.File == "" {
		return nil, nil
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("TASKS_FILE: %w", err)
	}
	host := commandtasks.Host{Grace: c.CancelGrace, Lookup: os.LookupEnv}
	return commandtasks.Parse("TASKS_FILE: "+c.File, content, host)
}
