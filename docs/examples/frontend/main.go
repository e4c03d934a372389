// Command frontend shows app.tsx, a page of React, with a service behind it: on one origin,
// as a reverse proxy does it. Run it in the repository's root; make demo does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/evanw/esbuild/pkg/api"
)

// Where things are, from the repository's root.
const (
	folder  = "docs/examples/frontend"
	library = "adapters/inbound/webclient"
)

func main() {
	addr := flag.String("addr", "localhost:8081", "where to serve the page")
	service := flag.String("service", "http://localhost:8080", "where the service is")
	command := flag.String("start", "", "a program that is the service at that address, to start and to stop with this one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, *service, *command); err != nil {
		fmt.Fprintln(os.Stderr, "frontend:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr, service, command string) error {
	target, err := url.Parse(service)
	if err != nil {
		return err
	}
	app, err := bundle()
	if err != nil {
		return err
	}
	if command != "" {
		cmd := exec.CommandContext(ctx, command, "serve")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() { _ = cmd.Wait() }() // it ends with ctx
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(folder)))
	mux.HandleFunc("/app.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(app) // a browser that has gone needs none
	})
	mux.Handle("/api/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	_, _ = fmt.Fprintf(os.Stdout, "open http://%s in two tabs\n", addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bundle makes one script of the page, React and the library's hooks. A frontend of its own
// has its bundler for that, and the library from npm.
func bundle() ([]byte, error) {
	modules, err := filepath.Abs(library + "/node_modules")
	if err != nil {
		return nil, err
	}
	scripts, err := filepath.Abs(library + "/dist")
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{folder + "/app.tsx"}, Bundle: true, Format: api.FormatESModule, Target: api.ES2022, JSX: api.JSXAutomatic,
		MinifySyntax: true, MinifyWhitespace: true, MinifyIdentifiers: true, LogLevel: api.LogLevelSilent,
		Define:    map[string]string{"process.env.NODE_ENV": `"production"`},
		NodePaths: []string{modules}, TsconfigRaw: `{}`,
		Alias: map[string]string{"heliograph-client/react": filepath.Join(scripts, "react.js"), "heliograph-client": filepath.Join(scripts, "client.js")},
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("app.tsx: %s", result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}
