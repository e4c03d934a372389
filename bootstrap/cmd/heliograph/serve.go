package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"

	"heliograph/bootstrap"
)

type serveCommand struct{}

// Run serves until ctx ends.
func (serveCommand) Run(ctx context.Context, p *program) error {
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	log := bootstrap.NewServiceLogger(cfg.Log, p.log)
	for _, name := range bootstrap.Unknown(p.environ) {
		log.WarnContext(ctx, "environment variable is not one of ours and has no effect", slog.String("name", name))
	}
	log.InfoContext(ctx, "starting", slog.String("version", bootstrap.BuildVersion()), slog.Any("config", cfg))
	app, err := bootstrap.New(cfg, log, p.log.Metrics())
	if err != nil {
		return err
	}
	return app.Run(ctx, func(addr net.Addr) {
		if cfg.Log.Format == bootstrap.LogText {
			welcome(p.log, cfg, addr)
		}
	})
}

// welcome tells a person what to try. Nobody reads it if it cannot be written.
func welcome(w io.Writer, cfg bootstrap.Config, addr net.Addr) {
	base := "http://" + reachable(addr)
	lines := []struct{ what, how string }{
		{"watch the stream", "curl -N '" + base + "/api/sse/stream?request_id=me'"},
		{"start a task", `curl -d '{"type":"demo_task","params":{"steps":5}}' ` + base + "/api/tasks"},
		{"read the API", base + "/api/openapi.yaml"},
		{"see the metrics", base + "/metrics"},
	}
	if cfg.Environment == bootstrap.Production {
		lines = append(lines[:1], lines[2:]...) // it has no demo tasks
	}
	if cfg.Gateway.Kind == bootstrap.GatewayHTTP {
		lines[0].what, lines[0].how = "gateway's callback", base+"/api/sse/callback"
	}
	_, _ = fmt.Fprintf(w, "\nheliograph %s listens on %s\n\n", bootstrap.BuildVersion(), base)
	for _, l := range lines {
		_, _ = fmt.Fprintf(w, "  %-18s  %s\n", l.what, l.how)
	}
	_, _ = fmt.Fprintln(w)
}

// reachable is an address that works on this machine for a listener on addr.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
}
