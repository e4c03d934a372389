package demotasks

import (
	"context"
	"fmt"
	"time"

	"heliograph/domain/task"
)

type longRunningParams struct {
	TotalTime     seconds `json:"total_time" default:"5" minimum:"0" maximum:"3600" jsonschema:"seconds"`
	CheckInterval seconds `json:"check_interval" default:"0.1" minimum:"0.001" maximum:"3600" jsonschema:"seconds between reports"`
}

type longRunningResult struct {
	TotalTime seconds `json:"total_time"`
	Status    string  `json:"status"`
}

func longRunning(ctx context.Context, p longRunningParams, report task.Reporter) (longRunningResult, error) {
	total, began := p.TotalTime.duration(), time.Now()
	for passed := time.Duration(0); passed < total; {
		if err := wait(ctx, min(p.CheckInterval.duration(), total-passed)); err != nil {
			return longRunningResult{}, err
		}
		passed = min(time.Since(began), total)
		report.Report(fmt.Sprintf("Running... %.1fs", passed.Seconds()), passed.Seconds()/total.Seconds())
	}
	return longRunningResult{p.TotalTime, "success"}, nil
}
