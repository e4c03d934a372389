package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"heliograph/test/freeport"
)

// takeStream opens a stream that is none of a browser's, as soon as the service has room for
// it, and returns what ends it.
func (w *world) takeStream() (end func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	client := http.Client{Transport: w.service.client.Transport} // without a limit
	must(until(ctx, waitLimit, func(context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.service.url+"/api/sse/stream?request_id=another", http.NoBody)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			_ = res.Body.Close()
			return fmt.Errorf("a stream is answered %d", res.StatusCode)
		}
		context.AfterFunc(ctx, func() { _ = res.Body.Close() })
		return nil
	}))
	return cancel
}

// full has somebody else take the only stream that the service gives: before the tabs come, and
// when theirs has broken.
func (w *world) full() {
	w.begin("SSE_MAX_CONNECTIONS=1")
	leave := w.takeStream()
	w.openUntil(2, []string{"", "worker=no"}[w.below(2)], "full")
	for last := range 2 {
		w.traffic(4)
		leave()
		begin := time.Now()
		w.awaitEach("open")
		w.number = fmt.Sprintf("open %s after there was room", time.Since(begin).Round(time.Millisecond))
		w.traffic(3)
		if last == 1 {
			return
		}
		w.site.pointTo("http://" + freeport.Addr(w.t)) // where nobody is
		w.site.cut()
		leave = w.takeStream()
		w.site.pointTo(w.service.url)
		w.awaitEach("full")
	}
}
