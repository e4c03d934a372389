package chaos_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"

	"heliograph/test/chaos/bidi"
)

// firefox is driven over WebDriver BiDi.
type firefox struct{ *bidi.Browser }

func launchFirefox(t *testing.T, path string) browser {
	t.Helper()
	b, err := bidi.Launch(context.WithoutCancel(t.Context()), path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return firefox{b}
}

func (f firefox) close() { f.Close() }

func (f firefox) signal(sig syscall.Signal) error { return f.Signal(sig) }

func (f firefox) open(ctx context.Context) (tab, error) {
	t, err := f.Open(ctx)
	return firefoxTab{t}, err
}

func (f firefox) duplicate(ctx context.Context, of tab) (tab, error) {
	before, err := f.Tabs(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := of.eval(ctx, "open(location.href) !== null"); err != nil {
		return nil, err
	}
	after, err := f.Tabs(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range after {
		if !slices.ContainsFunc(before, t.Is) {
			return firefoxTab{t}, nil
		}
	}
	return nil, errors.New("no tab was opened")
}

// killWorker asks the worker to end itself, on the channel that the site put into its script:
// BiDi cannot end one.
func (f firefox) killWorker(ctx context.Context, of tab) error {
	_, err := of.eval(ctx, "new BroadcastChannel('chaos').postMessage('end')")
	return err
}

type firefoxTab struct{ *bidi.Tab }

func (t firefoxTab) navigate(ctx context.Context, url string) error { return t.Navigate(ctx, url) }
func (t firefoxTab) reload(ctx context.Context) error               { return t.Reload(ctx) }
func (t firefoxTab) close(ctx context.Context) error                { return t.Close(ctx) }
func (t firefoxTab) kill(ctx context.Context) error                 { return t.Close(ctx) }

func (t firefoxTab) eval(ctx context.Context, expression string) (string, error) {
	return t.Evaluate(ctx, expression)
}

func (t firefoxTab) freeze(context.Context, bool) error {
	return errors.New("WebDriver BiDi cannot freeze a page")
}
