package demotasks

import (
	"context"
	"fmt"

	"heliograph/domain/task"
)

type demoParams struct {
	Message string  `json:"message" default:"default message" jsonschema:"comes back in the result"`
	Delay   seconds `json:"delay" default:"0.1" minimum:"0" maximum:"3600" jsonschema:"seconds per step"`
	Steps   int     `json:"steps" default:"3" minimum:"0" maximum:"10000"`
}

type demoResult struct {
	Message        string `json:"message"`
	StepsCompleted int    `json:"steps_completed"`
	Status         string `json:"status"`
}

func demo(ctx context.Context, p demoParams, report task.Reporter) (demoResult, error) {
	report.Report("Starting test task", 0)
	for i := 1; i <= p.Steps; i++ {
		if err := wait(ctx, p.Delay.duration()); err != nil {
			return demoResult{}, err
		}
		report.Report(fmt.Sprintf("Step %d/%d", i, p.Steps), float64(i)/float64(p.Steps))
	}
	return demoResult{p.Message, p.Steps, "success"}, nil
}
