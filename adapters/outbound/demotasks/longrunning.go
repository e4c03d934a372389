package demotasks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// longRunning is long_running_task.
type longRunning struct {
	TotalTime     seconds `json:"total_time"`
	CheckInterval seconds `json:"check_interval"`
}

func newLongRunning() work { return &longRunning{TotalTime: 5, CheckInterval: 0.1} }

var longRunningSchema = json.RawMessage(`{
	"type": "object",
	"properties": {
		"total_time": {"type": "number", "default": 5, "minimum": 0, "maximum": 3600, "description": "seconds"},
		"check_interval": {"type": "number", "default": 0.1, "minimum": 0.001, "maximum": 3600, "description": "seconds between reports"}
	}
}`)

func (l *longRunning) check() error {
	return cmp.Or(
		within("total_time", float64(l.TotalTime), 0, maxSeconds),
		within("check_interval", float64(l.CheckInterval), minInterval, maxSeconds))
}

func (l *longRunning) run(ctx context.Context, report task.Reporter) (json.RawMessage, error) {
	total, began := l.TotalTime.duration(), time.Now()
	for passed := time.Duration(0); passed < total; {
		if err := wait(ctx, min(l.CheckInterval.duration(), total-passed)); err != nil {
			return nil, err
		}
		passed = min(time.Since(began), total)
		report.Report(fmt.Sprintf("Running... %.1fs", passed.Seconds()), passed.Seconds()/total.Seconds())
	}
	return json.Marshal(struct {
		TotalTime seconds `json:"total_time"`
		Status    string  `json:"status"`
	}{l.TotalTime, "success"})
}
