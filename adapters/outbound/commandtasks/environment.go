package commandtasks

import (
	"context"
	"fmt"
	"strconv"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// unbuffered has programs in Python print at once although nobody watches, as others do
// with a line. It has no effect on others.
const unbuffered = "PYTHONUNBUFFERED=1"

// ofTask returns the variables that tell a program which task it runs.
func ofTask(ctx context.Context) ([]string, error) {
	e, ok := task.FromContext(ctx)
	if !ok {
		return nil, nil
	}
	labels, err := event.Marshal(e.Labels.OrEmpty())
	if err != nil {
		return nil, fmt.Errorf("encode labels: %w", err)
	}
	return []string{
		"HELIOGRAPH_TASK_ID=" + string(e.ID), "HELIOGRAPH_ATTEMPT=" + strconv.Itoa(e.Attempt), "HELIOGRAPH_LABELS=" + string(labels),
	}, nil
}
