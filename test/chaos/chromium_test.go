package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	launcher "heliograph/test/chromium"
)

// chromium is driven over the Chrome DevTools Protocol.
type chromium struct {
	first context.Context //nolint:containedctx // chromedp keeps a tab in one: that which keeps the browser open
	group atomic.Pointer[exec.Cmd]
	end   func()
}

func launchChromium(t *testing.T, path string) browser {
	t.Helper()
	c := new(chromium)
	first, end, err := launcher.Launch(t.Context(), path, chromedp.Flag("disable-popup-blocking", true), chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = new(syscall.SysProcAttr)
		}
		cmd.SysProcAttr.Setpgid = true
		c.group.Store(cmd)
	}))
	c.first, c.end = first, end
	if err != nil {
		end()
		t.Fatalf("chromium: %v", err)
	}
	return c
}

func (c *chromium) close() { c.end() }

func (c *chromium) signal(sig syscall.Signal) error {
	return syscall.Kill(-c.group.Load().Process.Pid, sig)
}

func (c *chromium) open(ctx context.Context) (tab, error) {
	return c.adopt(ctx, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate("about:blank")) })
}

// adopt returns a new tab after it was begun.
func (c *chromium) adopt(ctx context.Context, begin func(context.Context) error, options ...chromedp.ContextOption) (tab, error) {
	t := new(chromiumTab)
	t.ctx, t.end = chromedp.NewContext(c.first, options...)
	defer context.AfterFunc(ctx, t.end)() // the context of its first action is that of the tab
	return t, begin(t.ctx)
}

func (c *chromium) duplicate(ctx context.Context, of tab) (tab, error) {
	original := of.(*chromiumTab)
	opened := chromedp.WaitNewTarget(original.ctx, func(info *target.Info) bool { return info.Type == "page" })
	if _, err := of.eval(ctx, "open(location.href) !== null"); err != nil {
		return nil, err
	}
	select {
	case id := <-opened:
		return c.adopt(ctx, func(ctx context.Context) error {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[int]("1"))
			return err
		}, chromedp.WithTargetID(id))
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *chromium) killWorker(ctx context.Context, of tab) error {
	origin, err := of.eval(ctx, "location.origin")
	if err != nil {
		return err
	}
	targets, err := chromedp.Targets(c.first)
	if err != nil {
		return err
	}
	for _, info := range targets {
		if info.Type == "shared_worker" && len(info.URL) > len(origin) && info.URL[:len(origin)] == origin {
			_, err := chromedp.CallBrowser(c.first, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID})
			return err
		}
	}
	return errors.New("there is no SharedWorker")
}

type chromiumTab struct {
	ctx context.Context //nolint:containedctx // chromedp keeps a tab in one
	end context.CancelFunc
}

// within runs something in the tab until ctx ends.
func (t *chromiumTab) within(ctx context.Context, do func(context.Context) error) error {
	return launcher.Within(ctx, t.ctx, do)
}

func (t *chromiumTab) do(ctx context.Context, actions ...chromedp.Action[chromedp.Void]) error {
	return t.within(ctx, func(ctx context.Context) error { return chromedp.Do(ctx, actions...) })
}

func (t *chromiumTab) navigate(ctx context.Context, url string) error {
	return t.do(ctx, chromedp.Navigate(url))
}

func (t *chromiumTab) reload(ctx context.Context) error { return t.do(ctx, chromedp.Reload()) }

func (t *chromiumTab) eval(ctx context.Context, expression string) (text string, err error) {
	err = t.within(ctx, func(ctx context.Context) (err error) {
		text, err = chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("(async () => String(await (%s)))()", expression), chromedp.EvalAwaitPromise, asAfterAClick))
		return err
	})
	return text, err
}

func asAfterAClick(p *runtime.EvaluateParams) { p.UserGesture = new(true) }

func (t *chromiumTab) freeze(ctx context.Context, frozen bool) error {
	state := page.SetWebLifecycleStateStateActive
	if frozen {
		state = page.SetWebLifecycleStateStateFrozen
	}
	return t.within(ctx, func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
		return err
	})
}

func (t *chromiumTab) kill(ctx context.Context) error {
	brief, cancel := context.WithTimeout(ctx, 300*time.Millisecond) // there is nobody to answer
	defer cancel()
	_ = t.within(brief, func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.Crash, cdp.Empty{})
		return err
	})
	return t.close(ctx)
}

func (t *chromiumTab) close(context.Context) error {
	t.end()
	return nil
}
