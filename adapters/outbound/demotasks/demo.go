package demotasks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"heliograph/domain/task"
)

// demo is demo_task.
type demo struct {
	Message string  `json:"message"`
	Delay   seconds `json:"delay"`
	Steps   float64 `json:"steps"` // whole; 3.0 is an integer in JSON Schema
}

func newDemo() work { return &demo{Message: "default message", Delay: 0.1, Steps: 3} }

var demoSchema = json.RawMessage(`{
	"type": "object",
	"properties": {
		"message": {"type": "string", "default": "default message", "description": "comes back in the result"},
		"delay": {"type": "number", "default": 0.1, "minimum": 0, "maximum": 3600, "description": "seconds per step"},
		"steps": {"type": "integer", "default": 3, "minimum": 0, "maximum": 10000}
	}
}`)

func (d *demo) check() error {
	if d.Steps != math.Trunc(d.Steps) {
		return fmt.Errorf(`"steps" is %v, but must be a whole number`, d.Steps)
	}
	return cmp.Or(
		within("delay", float64(d.Delay), 0, maxSeconds),
		within("steps", d.Steps, 0, maxSteps))
}

func (d *demo) run(ctx context.Context, report task.Reporter) (json.RawMessage, error) {
	report.Report("Starting test task", 0)
	steps := int(d.Steps)
	for i := 1; i <= steps; i++ {
		if err := wait(ctx, d.Delay.duration()); err != nil {
			return nil, err
		}
		report.Report(fmt.Sprintf("Step %d/%d", i, steps), float64(i)/float64(steps))
	}
	return json.Marshal(struct {
		Message        string `json:"message"`
		StepsCompleted int    `json:"steps_completed"`
		Status         string `json:"status"`
	}{d.Message, steps, "success"})
}
