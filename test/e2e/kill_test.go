package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/test/freeport"
)

const (
	killings    = 50
	clientCount = 50
	// recovery is how long a stream may stay silent once both programs are ready. The
	// aim is 5 s, which the log shows; a machine that is busy with other tests gets more.
	recovery = 20 * time.Second
)

// The service and its gateway are killed in turn, under load. A client that returns
// or never left hears of it within five seconds, and nothing twice.
func TestFiftyKillsLoseAndRepeatNoEvent(t *testing.T) { // C8, E7, G2, G3, G6
	t.Parallel()
	rounds := killings
	if testing.Short() {
		rounds = 6
	}
	seed := rand.Uint64()
	if text := os.Getenv("KILLINGS_SEED"); text != "" { //nolint:forbidigo // repeats one run
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("KILLINGS_SEED: %v", err)
		}
	}
	t.Logf("KILLINGS_SEED=%d repeats the pauses of this run", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	p := newPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	all := make([]*reconnectingClient, clientCount)
	for i := range all {
		all[i] = newReconnectingClient("http://" + p.gatewayAddr + fmt.Sprintf("/any?request_id=tab-%d", i))
		running.Go(func() { all[i].live(ctx) })
	}
	running.Go(func() { p.load(ctx) })

	slowest := mustAllReceive(t, all)
	for i := range rounds {
		pause(ctx, time.Duration(random.IntN(300))*time.Millisecond)
		p.killAndRestart(t, i%2 == 0, func() { pause(ctx, time.Duration(random.IntN(200))*time.Millisecond) })
		slowest = max(slowest, mustAllReceive(t, all))
	}
	cancel()
	running.Wait()
	t.Logf("after %d killings the slowest recovery took %s", rounds, slowest)
	mustAgree(t, all)
}

// pair is the service and its gateway, each at an address that it keeps.
type pair struct {
	serviceAddr, gatewayAddr string
	service, gateway         *process
	client                   *http.Client
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{
		serviceAddr: freeport.Addr(t), gatewayAddr: freeport.Addr(t),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLimit},
	}
	p.startGateway(t)
	p.startService(t)
	p.awaitReady(t)
	return p
}

func (p *pair) startService(t *testing.T) {
	t.Helper()
	p.service = launch(t, "serve", "HTTP_ADDR="+p.serviceAddr, "SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://"+p.gatewayAddr, "FRONTEND_VERSION=1", quick)
}

func (p *pair) startGateway(t *testing.T) {
	t.Helper()
	p.gateway = launch(t, "gateway", roleEnv(p.serviceAddr, p.gatewayAddr, []string{"SSE_DRAIN_SPREAD=0s"})...)
}

// killAndRestart kills one of the two and starts it anew after a while.
func (p *pair) killAndRestart(t *testing.T, service bool, while func()) {
	t.Helper()
	victim, restart := p.gateway, p.startGateway
	if service {
		victim, restart = p.service, p.startService
	}
	victim.kill(t)
	victim.silent = true
	while()
	restart(t)
	p.awaitReady(t)
}

func (p *pair) awaitReady(t *testing.T) {
	t.Helper()
	for _, addr := range []string{p.serviceAddr, p.gatewayAddr} {
		eventually(t, addr+" is ready", func() bool {
			resp, err := p.client.Get("http://" + addr + "/readyz")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
}

// load starts a short task every few milliseconds, or tries to.
func (p *pair) load(ctx context.Context) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.serviceAddr+"/api/tasks",
			strings.NewReader(`{"type":"demo_task","params":{"steps":2,"delay":0.005}}`))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/json")
		if resp, err := p.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
		pause(ctx, 25*time.Millisecond)
	}
}

// pause lets some time pass in which the programs go on.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// mustAllReceive requires that each gets a task event from now on, in time, and
// returns how long that took.
func mustAllReceive(t *testing.T, all []*reconnectingClient) time.Duration {
	t.Helper()
	begin := time.Now()
	received := make([]int, len(all))
	for i, s := range all {
		received[i] = s.received()
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(recovery)
	for i := 0; i < len(all); {
		if all[i].received() > received[i] {
			i++
			continue
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s after both are ready client %d has got nothing: %s", recovery, i, all[i].state())
		}
	}
	return time.Since(begin)
}
