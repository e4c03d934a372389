// Command goworker is a worker for heliograph: copy heliograph.go as it is, and this file
// with your own work in it.
//
//	goworker URL TYPE...        for instance: goworker http://localhost:8080 count
//
// HELIOGRAPH_TOKEN in the environment is its API key, where the service asks for one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"heliograph/docs/examples/workers/heliograph"
)

type params struct {
	Steps int     `json:"steps"`
	Delay float64 `json:"delay"` // seconds per step
	Error string  `json:"error"`
}

type result struct {
	Steps   int `json:"steps"`
	Attempt int `json:"attempt"`
}

// work counts steps; its error is the task's.
func work(ctx context.Context, task *heliograph.Task) (any, error) {
	p := params{Steps: 10, Delay: 0.2}
	if err := json.Unmarshal(task.Params, &p); err != nil {
		return nil, heliograph.Permanent(err)
	}
	for step := 1; step <= p.Steps; step++ {
		select {
		case <-time.After(time.Duration(p.Delay * float64(time.Second))):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if err := task.Report(ctx, heliograph.Update{Text: fmt.Sprintf("Step %d/%d", step, p.Steps), Value: float64(step) / float64(p.Steps)}); err != nil {
			return nil, err
		}
	}
	if p.Error != "" {
		return nil, heliograph.Permanent(errors.New(p.Error)) // any other error may be tried again
	}
	return result{p.Steps, task.Attempt}, nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: goworker URL TYPE...")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	works := make(map[string]heliograph.Work)
	for _, typ := range os.Args[2:] {
		works[typ] = work
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	token := os.Getenv("HELIOGRAPH_TOKEN") //nolint:forbidigo // a program of its own
	host, _ := os.Hostname()               // "" is none
	service := &heliograph.Service{URL: os.Args[1], Token: token, Name: fmt.Sprintf("%s/%d", host, os.Getpid()), Log: log}
	if err := service.Work(ctx, works); err != nil {
		log.Error("the worker ends", slog.Any("error", err))
		os.Exit(1)
	}
}
