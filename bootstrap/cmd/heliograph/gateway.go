package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"syscall"

	"heliograph/bootstrap"
)

type gatewayCommand struct{}

// Help is shown by "heliograph gateway --help".
func (gatewayCommand) Help() string {
	return `It holds the browsers' streams, asks the backend at CALLBACK_URL about each, and takes
events on POST /internal/send. It is configured by environment variables, foremost PORT,
CALLBACK_URL and HEARTBEAT_INTERVAL_SECONDS; "heliograph config gateway" lists them.`
}

// Run serves until ctx ends.
func (gatewayCommand) Run(ctx context.Context, p *program) error {
	cfg, ignored, err := bootstrap.LoadGatewayRole(p.environ, p.host)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, syscall.SIGHUP)
	defer stop()
	log := bootstrap.NewServiceLogger(cfg.Log, p.log)
	if ignored != nil {
		log.ErrorContext(ctx, "setting cannot be used and was ignored", slog.Any("error", ignored))
	}
	for _, name := range bootstrap.Unknown(p.environ) {
		log.WarnContext(ctx, "environment variable is not one of ours and has no effect", slog.String("name", name))
	}
	build := bootstrap.ThisBuild()
	log.InfoContext(ctx, "starting", slog.String("version", build.Version), slog.String("revision", build.Revision), slog.Any("config", cfg))
	app, err := bootstrap.NewGatewayRole(cfg, log, p.log.Metrics())
	if err != nil {
		return err
	}
	return app.Run(ctx, func(addr net.Addr) {
		if cfg.Log.Format == bootstrap.LogText {
			welcomeGateway(p.log, cfg, addr)
		}
	})
}

// welcomeGateway is welcome for this role.
func welcomeGateway(w io.Writer, cfg bootstrap.GatewayRoleConfig, addr net.Addr) {
	base := "http://" + reachable(addr)
	try := "curl -N '" + base + "/any/path?request_id=me'   asks the backend at " + cfg.CallbackURL.String()
	if cfg.CallbackURL == "" {
		try = "set CALLBACK_URL to the backend that is asked about streams; until then there are none"
	}
	printWelcome(w, "heliograph gateway", base, try)
}
