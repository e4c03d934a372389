// Command asynq is a program that has its jobs in asynq, and shows them with heliograph.
//
//	asynq worker URL REDIS              runs jobs
//	asynq enqueue REDIS PARAMS          puts one into the queue, and says its ID
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/hibiken/asynq"

	"heliograph/docs/examples/workers/heliograph"
)

// params are those of a job.
type params struct {
	Rows  int    `json:"rows"`
	Error string `json:"error,omitempty"`
}

// importRows is the job. It has been there before; the lines with task are new.
func importRows(ctx context.Context, task *heliograph.Task) (any, error) {
	var p params
	if err := json.Unmarshal(task.Params, &p); err != nil {
		return nil, heliograph.Permanent(err)
	}
	for row := range p.Rows {
		time.Sleep(50 * time.Millisecond) // the work
		if err := task.Report(ctx, heliograph.Update{Done: float64(row + 1), Total: float64(p.Rows), Unit: "rows"}); err != nil {
			return nil, err
		}
	}
	if p.Error != "" {
		return nil, errors.New(p.Error)
	}
	return map[string]int{"rows": p.Rows}, nil
}

func work(url, redis string) error {
	service := &heliograph.Service{URL: url, Token: os.Getenv("HELIOGRAPH_TOKEN"), Log: slog.Default()}
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: redis}, asynq.Config{
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
	})
	jobs := asynq.NewServeMux()
	jobs.HandleFunc("import", Shown(service, "import", func(job *asynq.Task) any { return json.RawMessage(job.Payload()) }, importRows))
	return server.Run(jobs)
}

func enqueue(redis, params string) error {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: redis})
	defer func() { _ = client.Close() }()
	job, err := client.Enqueue(asynq.NewTask("import", []byte(params)), asynq.MaxRetry(1))
	if err != nil {
		return err
	}
	_, err = fmt.Println(job.ID)
	return err
}

func main() {
	err := errors.New("usage: asynq worker URL REDIS | asynq enqueue REDIS PARAMS")
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "worker":
		err = work(args[1], args[2])
	case len(args) == 3 && args[0] == "enqueue":
		err = enqueue(args[1], args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
