package demotasks

import (
	"context"
	"encoding/json"
	"errors"

	"heliograph/domain/task"
)

// failing is failing_task.
type failing struct {
	ErrorMessage string  `json:"error_message"`
	Delay        seconds `json:"delay"`
}

func newFailing() work { return &failing{ErrorMessage: "Test error", Delay: 0.1} }

var failingSchema = json.RawMessage(`{
	"type": "object",
	"properties": {
		"error_message": {"type": "string", "default": "Test error", "description": "what it fails with"},
		"delay": {"type": "number", "default": 0.1, "minimum": 0, "maximum": 3600, "description": "seconds until it fails"}
	}
}`)

func (f *failing) check() error { return within("delay", float64(f.Delay), 0, maxSeconds) }

func (f *failing) run(ctx context.Context, report task.Reporter) (json.RawMessage, error) {
	report.Report("Starting failing task", 0)
	if err := wait(ctx, f.Delay.duration()); err != nil {
		return nil, err
	}
	return nil, errors.New(f.ErrorMessage)
}
