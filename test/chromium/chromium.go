// Package chromium starts the browser that tests and benchmarks drive over the Chrome
// DevTools Protocol.
package chromium

import (
	"context"
	"errors"

	"github.com/chromedp/chromedp"
)

// Launch starts Chromium, the program in path or PATH, headless and with a fresh profile. The context is that of its
// first tab, which is empty and keeps the browser open; end closes the browser and returns
// when it is gone. The browser outlives ctx.
func Launch(ctx context.Context, path string, more ...chromedp.ExecAllocatorOption) (first context.Context, end func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(ctx), append(options, more...)...)
	first, closeFirst := chromedp.NewContext(allocator)
	end = func() {
		closeFirst()
		stop()
		chromedp.FromContext(first).Allocator.Wait()
	}
	return first, end, chromedp.Do(first, chromedp.Navigate("about:blank"))
}

// Within does something in a tab, whose context tab is, until ctx ends.
func Within(ctx, tab context.Context, do func(context.Context) error) error {
	in, cancel := context.WithCancel(tab)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	if err := do(in); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return nil
}
