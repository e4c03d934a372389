package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"heliograph/adapters/inbound/managecli"
)

// serviceFlags are those of every command that uses a running service.
type serviceFlags struct {
	URL   string `default:"http://localhost:8080" env:"HELIOGRAPH_URL" placeholder:"URL" help:"Where the service is (${default})."`
	Token string `env:"HELIOGRAPH_TOKEN" placeholder:"TEXT" help:"A JWT or an API key, where the service asks for one. Better in the environment: other users see command lines."`
}

// service and terminal are the same for all adapters that these commands are made of.
type (
	service  = managecli.Service
	terminal = managecli.Terminal
)

// isOfClient marks these commands, which have exit statuses of their own.
func (serviceFlags) isOfClient() {}

func (f serviceFlags) service() service { return service{URL: f.URL, Token: f.Token} }

// onService runs do with what it needs to use a service, until it returns its exit status.
func (p *program) onService(do func(terminal) int) error {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	width, height := p.screen()
	return exitWith(do(terminal{
		In: p.stdin, Out: p.stdout, Err: p.stderr, Width: width, Height: height, Transport: transport,
		Colours: width() > 0 && p.environ["NO_COLOR"] == "" && p.environ["TERM"] != "dumb",
	}))
}

// screen returns functions for the size of the terminal that standard output is; 0 if it is none.
func (p *program) screen() (width, height func() int) {
	file, ok := p.stdout.(*os.File)
	size := func() (columns, rows int) {
		if !ok || !term.IsTerminal(int(file.Fd())) {
			return 0, 0
		}
		columns, rows, err := term.GetSize(int(file.Fd()))
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24 // what terminals had before they said
		}
		return columns, rows
	}
	return func() int { columns, _ := size(); return columns }, func() int { _, rows := size(); return rows }
}

// untilInterrupt returns a context that a Ctrl-C or SIGTERM ends. The caller must call stop.
func untilInterrupt(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
