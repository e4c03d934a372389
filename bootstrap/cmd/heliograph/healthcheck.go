package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"heliograph/bootstrap"
)

// healthTimeout is for the whole question: a service that needs longer for it
// is not healthy.
const healthTimeout = 3 * time.Second

type healthcheckCommand struct{}

// Run asks the service that has the same HTTP_ADDR.
func (healthcheckCommand) Run(ctx context.Context, p *program) error {
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	url, err := healthURL(cfg.HTTP.Addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return ask(ctx, url)
}

// healthURL is where a service with this HTTP_ADDR is reached from its machine.
func healthURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("HTTP_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/healthz", nil
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	// No proxy of the environment stands between a service and its machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
