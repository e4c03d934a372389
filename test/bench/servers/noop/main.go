// Command noop is the service with two more types of tasks: "noop" returns its params,
// and "idle" waits for a worker that never comes. It is configured like heliograph.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/task"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	environ := map[string]string{}
	for _, v := range os.Environ() { //nolint:forbidigo // as cmd/heliograph does
		name, value, _ := strings.Cut(v, "=")
		environ[name] = value
	}
	cfg, err := bootstrap.Load(environ, bootstrap.Host{Name: "noop"})
	if err != nil {
		return err
	}
	app, err := bootstrap.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		fx.Provide(
			fx.Annotate(func() task.Type { return task.Type{Name: "noop", Handler: echo{}} }, fx.ResultTags(bootstrap.TaskTypes)),
			fx.Annotate(func() task.Type { return task.Type{Name: "idle", Handler: echo{}, Outside: true} }, fx.ResultTags(bootstrap.TaskTypes)),
		))
	if err != nil {
		return err
	}
	return app.Run(ctx, func(net.Addr) {})
}

// echo returns the params at once.
type echo struct{}

func (echo) Check(json.RawMessage) error { return nil }

func (echo) Run(_ context.Context, params json.RawMessage, _ task.Reporter) (json.RawMessage, error) {
	return params, nil
}
