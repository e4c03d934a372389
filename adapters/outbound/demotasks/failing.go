package demotasks

import (
	"context"
	"errors"

	"heliograph/domain/task"
)

type failingParams struct {
	ErrorMessage string  `json:"error_message" default:"Test error" jsonschema:"what it fails with"`
	Delay        seconds `json:"delay" default:"0.1" minimum:"0" maximum:"3600" jsonschema:"seconds until it fails"`
}

func failing(ctx context.Context, p failingParams, report task.Reporter) (struct{}, error) {
	report.Report("Starting failing task", 0)
	if err := wait(ctx, p.Delay.duration()); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, errors.New(p.ErrorMessage)
}
