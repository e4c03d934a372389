// Package service is the service as a program of the benchmarks, with more than heliograph has.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"go.uber.org/fx"

	"heliograph/bootstrap"
)

// Run serves until the process is told to stop; it ends the process if it cannot. It is
// configured like heliograph.
func Run(name string, more ...fx.Option) {
	if err := run(name, more); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string, more []fx.Option) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	environ := map[string]string{}
	for _, v := range os.Environ() { //nolint:forbidigo // as cmd/heliograph does
		name, value, _ := strings.Cut(v, "=")
		environ[name] = value
	}
	cfg, err := bootstrap.Load(environ, bootstrap.Host{Name: name})
	if err != nil {
		return err
	}
	app, err := bootstrap.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), more...)
	if err != nil {
		return err
	}
	return app.Run(ctx, func(net.Addr) {})
}
