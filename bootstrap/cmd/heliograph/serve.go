package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/term"

	"heliograph/adapters/http/paths"
	"heliograph/bootstrap"
)

type serveCommand struct{}

// Run serves until ctx ends.
func (serveCommand) Run(ctx context.Context, p *program) error {
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	ctx, reload, stop := serveSignals(ctx, cfg, p)
	defer stop()
	log := bootstrap.NewServiceLogger(cfg.Log, p.log)
	for _, name := range bootstrap.Unknown(p.environ) {
		log.WarnContext(ctx, "environment variable is not one of ours and has no effect", slog.String("name", name))
	}
	build := bootstrap.ThisBuild()
	log.InfoContext(ctx, "starting", slog.String("version", build.Version), slog.String("revision", build.Revision), slog.Any("config", cfg))
	app, err := bootstrap.New(ctx, cfg, log, p.log.Metrics())
	if errors.Is(err, bootstrap.ErrStartEnded) {
		log.InfoContext(ctx, "stopped before it had started", slog.Any("state", err))
		return nil
	}
	if err != nil {
		return err
	}
	var reloading sync.WaitGroup
	defer reloading.Wait()
	defer stop()
	reloading.Go(func() { reload(app) })
	return app.Run(ctx, func(addr net.Addr) {
		if cfg.Log.Format == bootstrap.LogText {
			welcome(p.log, cfg, addr)
		}
	})
}

// serveSignals is untilSignal for the service. With a TASKS_FILE a SIGHUP has it read again,
// which reload does until stop is called; without one there is nothing to read, and it
// stops the service like the others. It does so as well when it comes because the terminal is gone
// that the service was started on.
func serveSignals(ctx context.Context, cfg bootstrap.Config, p *program) (_ context.Context, reload func(*bootstrap.App), stop func()) {
	if cfg.Tasks.File == "" {
		ctx, stop = untilSignal(ctx, syscall.SIGHUP)
		return ctx, func(*bootstrap.App) {}, stop
	}
	got, forget := hangups()
	ctx, restore := untilSignal(ctx)
	ctx, end := context.WithCancel(ctx)
	reload = func(app *bootstrap.App) {
		for range got {
			if p.host.Terminal && !term.IsTerminal(int(os.Stderr.Fd())) {
				end()
				continue
			}
			app.ReloadTasksFile(ctx)
		}
	}
	return ctx, reload, sync.OnceFunc(func() {
		forget()
		end()
		restore()
	})
}

// welcome prints the address, what to do there and how to stop, for a person.
// An error means that it cannot be shown, and is ignored.
func welcome(w io.Writer, cfg bootstrap.Config, addr net.Addr) {
	base := "http://" + reachable(addr)
	try := "curl -N '" + base + paths.Stream + "?request_id=me'"
	switch {
	case cfg.Gateway.Kind == bootstrap.GatewayHTTP:
		try = "its gateway's CALLBACK_URL is " + base + paths.Callback
	case cfg.HTTP.Console != bootstrap.ConsoleOff:
		try = "open it in a browser, start a task there, and watch it in a second tab, too"
	case cfg.Environment != bootstrap.Production: // which has no demo tasks
		try += `   and elsewhere   curl -d '{"type":"demo_task"}' ` + base + "/api/tasks"
	}
	printWelcome(w, "heliograph", base, try)
}

func printWelcome(w io.Writer, what, base, try string) {
	_, _ = fmt.Fprintf(w, "%s %s listens on %s\n  try it   %s\n  stop it  Ctrl-C\n", what, bootstrap.BuildVersion(), base, try)
}

// reachable is an address that works on this machine for a listener on addr.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
}
