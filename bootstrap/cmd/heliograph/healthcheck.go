package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// healthTimeout is for the whole question: a service that needs longer for it
// is not healthy.
const healthTimeout = 3 * time.Second

type healthcheckCommand struct {
	Role string `arg:"" optional:"" enum:"any,serve,gateway" default:"any" help:"Which command runs there: serve, gateway, or any (the default)."`
}

// Help is shown by "heliograph healthcheck --help".
func (healthcheckCommand) Help() string {
	return `It needs the address only, and reads no other variable: HTTP_ADDR of serve, PORT of gateway.
Without a role it asks the address of serve, and if CALLBACK_URL is set and nothing is there, that of gateway.`
}

// Run asks GET /healthz on this machine.
func (c healthcheckCommand) Run(ctx context.Context, p *program) error {
	urls, err := c.urls(p.environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var errs []error
	for _, url := range urls {
		err := ask(ctx, url)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// urls are where to ask, one after the other. They depend on nothing but the
// addresses: a mistake in another variable, which matters at the next start only,
// does not make a healthy service unhealthy.
func (c healthcheckCommand) urls(environ map[string]string) (urls []string, err error) {
	if c.Role != "gateway" {
		url, err := healthURL(cmp.Or(environ["HTTP_ADDR"], ":8080"))
		if err != nil {
			return nil, fmt.Errorf("HTTP_ADDR: %w", err)
		}
		urls = append(urls, url)
	}
	if c.Role == "gateway" || c.Role == "any" && environ["CALLBACK_URL"] != "" {
		url, err := healthURL(":" + cmp.Or(environ["PORT"], "3000"))
		if err != nil {
			return nil, fmt.Errorf("PORT: %w", err)
		}
		urls = append(urls, url)
	}
	return urls, nil
}

// healthURL is where a server that listens on addr is reached from its machine.
func healthURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q is not a port that can be asked", port)
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
