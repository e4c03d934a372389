package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/application/relay"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var request = gateway.Request{Target: "/x?request_id=me", Headers: []byte(`{"host":"h"}`)}

// newRelay returns a relay whose backend accepts everything.
func newRelay(t *testing.T, cfg relay.Config) (*relay.Relay, *mocks.MockGatewayBackend) {
	t.Helper()
	backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
	backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	return relay.New(cfg, backend, slog.New(slog.DiscardHandler)), backend
}

func open(t *testing.T, r *relay.Relay, tokens ...connection.Token) {
	t.Helper()
	for _, token := range tokens {
		if _, err := r.Open(t.Context(), token, request); err != nil {
			t.Errorf("open %s: %v", token, err)
		}
	}
}

func mustClose(t *testing.T, r *relay.Relay) {
	t.Helper()
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestEndOfAnOpenStreamIsReportedOnce(t *testing.T) { // gateway-protocol: exactly one disconnect callback
	r, backend := newRelay(t, relay.Config{})
	backend.EXPECT().Disconnect(gomock.Any(), connection.Token("a"), request, connection.ReasonClientClosed)
	open(t, r, "a")
	r.End("a", connection.ReasonClientClosed)
	r.End("a", connection.ReasonError)
	r.End("unknown", connection.ReasonError)
	mustClose(t, r)
	mustClose(t, r)
}

func TestEndOfAStreamThatWasNotOpenedIsNotReported(t *testing.T) {
	backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
	r := relay.New(relay.Config{}, backend, slog.New(slog.DiscardHandler))
	for _, refusal := range []error{&gateway.RejectedError{Status: 401}, gateway.ErrBackendTimeout, gateway.ErrNotConfigured} {
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).Return(gateway.Acceptance{}, refusal)
		if _, err := r.Open(t.Context(), "a", request); !errors.Is(err, refusal) {
			t.Errorf("open: %v, want %v", err, refusal)
		}
		r.End("a", connection.ReasonError)
	}
	ctx, leave := context.WithCancel(t.Context())
	backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).
		DoAndReturn(func(context.Context, connection.Token, gateway.Request) (gateway.Acceptance, error) {
			leave()
			return gateway.Acceptance{}, nil
		})
	if _, err := r.Open(ctx, "a", request); !errors.Is(err, context.Canceled) {
		t.Errorf("open for a client that left: %v, want context.Canceled", err)
	}
	r.End("a", connection.ReasonClientClosed)
	mustClose(t, r)
}

func TestWhatTheBackendSaysOfAStreamIsPassedOn(t *testing.T) { // A12
	backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
	r := relay.New(relay.Config{}, backend, slog.New(slog.DiscardHandler))
	want := gateway.Acceptance{OwnOnly: true}
	backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).Return(want, nil)
	backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any())
	if got, err := r.Open(t.Context(), "a", request); got != want || err != nil {
		t.Errorf("open: %+v, %v; want %+v", got, err, want)
	}
	r.End("a", connection.ReasonClientClosed)
	mustClose(t, r)
}

func TestPagesAreInTheOrderOfTokensAndComplete(t *testing.T) { // gateway-protocol: connections
	r, backend := newRelay(t, relay.Config{})
	backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	open(t, r, "d", "b", "a", "e", "c", "x")
	r.End("x", connection.ReasonError)
	var got []string
	for after, more := connection.Token(""), true; more; {
		var page []gateway.Opened
		page, more = r.Page(after, 2)
		for _, o := range page {
			got = append(got, string(o.Token)+o.Target)
			after = o.Token
		}
		got = append(got, fmt.Sprint(more))
	}
	u := request.Target
	if diff := cmp.Diff([]string{"a" + u, "b" + u, "true", "c" + u, "d" + u, "true", "e" + u, "false"}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	mustClose(t, r)
}

func TestClientsOfASlowBackendWaitInOrder(t *testing.T) { // issue 17, 24
	synctest.Test(t, func(t *testing.T) {
		backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
		var now, most atomic.Int64
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().
			DoAndReturn(func(context.Context, connection.Token, gateway.Request) (gateway.Acceptance, error) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer now.Add(-1)
				<-time.After(2 * time.Second)
				return gateway.Acceptance{}, nil
			})
		r := relay.New(relay.Config{}, backend, slog.New(slog.DiscardHandler))
		begin := time.Now()
		var clients sync.WaitGroup
		for i := range 2000 {
			clients.Go(func() { open(t, r, connection.Token(fmt.Sprint(i))) })
		}
		clients.Wait()
		if most.Load() != relay.DefaultConnects || time.Since(begin) != 8*time.Second {
			t.Errorf("at most %d callbacks at a time, all in after %s; want %d, 8s", most.Load(), time.Since(begin), relay.DefaultConnects)
		}
		mustClose(t, r)
	})
}

func TestOpenGivesUpWhenNoSlotBecomesFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
		release := make(chan struct{})
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).Times(2).
			DoAndReturn(func(context.Context, connection.Token, gateway.Request) (gateway.Acceptance, error) {
				<-release
				return gateway.Acceptance{}, nil
			})
		r := relay.New(relay.Config{Connects: 1}, backend, slog.New(slog.DiscardHandler))
		var first sync.WaitGroup
		first.Go(func() { open(t, r, "first") })
		synctest.Wait()
		begin := time.Now()
		if _, err := r.Open(t.Context(), "late", request); !errors.Is(err, gateway.ErrBackendBusy) || time.Since(begin) != relay.DefaultConnectWait {
			t.Errorf("open: %v after %s, want ErrBackendBusy after %s", err, time.Since(begin), relay.DefaultConnectWait)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := r.Open(ctx, "left", request); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open for a client that left: %v", err)
		}
		close(release)
		first.Wait()
		open(t, r, "next")
		mustClose(t, r)
	})
}

func TestLargeHeadersAreNotKept(t *testing.T) { // G4
	r, backend := newRelay(t, relay.Config{})
	fits := gateway.Request{Target: "/fits", Headers: []byte(`{"x":"` + strings.Repeat("x", 4088) + `"}`)}
	large := gateway.Request{Target: "/large", Headers: []byte(`{"x":"` + strings.Repeat("x", 4089) + `"}`)}
	backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), fits, gomock.Any())
	backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gateway.Request{Target: "/large", Headers: []byte("{}")}, gomock.Any())
	for _, req := range []gateway.Request{fits, large} {
		token := connection.Token(req.Target)
		if _, err := r.Open(t.Context(), token, req); err != nil {
			t.Error(err)
		}
		r.End(token, connection.ReasonClientClosed)
	}
	mustClose(t, r)
}

// TestListingIsCompleteUnderChurn compares pages with a plain sorted list while
// streams come and go between them.
func TestListingIsCompleteUnderChurn(t *testing.T) { // gateway-protocol: connections
	r, backend := newRelay(t, relay.Config{})
	backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	random := rand.New(rand.NewPCG(1, 2))
	opened := map[connection.Token]struct{}{}
	churn := func() {
		for range 200 {
			token := connection.Token(fmt.Sprintf("%05x", random.IntN(1<<13)))
			if _, there := opened[token]; there {
				delete(opened, token)
				r.End(token, connection.ReasonClientClosed)
			} else {
				opened[token] = struct{}{}
				open(t, r, token)
			}
		}
	}
	for range 50 {
		churn()
	}
	for _, limit := range []int{13, 300, 10_000} {
		for after, more := connection.Token(""), true; more; {
			var page []gateway.Opened
			page, more = r.Page(after, limit)
			var got []connection.Token
			for _, o := range page {
				got = append(got, o.Token)
			}
			want := slices.Sorted(maps.Keys(opened))
			from, found := slices.BinarySearch(want, after)
			if found {
				from++
			}
			want = want[from:]
			if more != (len(want) > limit) || !slices.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("page of %d after %q has %d of %d, more: %t", limit, after, len(got), len(want), more)
			}
			if len(got) > 0 {
				after = got[len(got)-1]
			}
			churn()
		}
	}
	for _, token := range slices.Collect(maps.Keys(opened)) {
		r.End(token, connection.ReasonClientClosed)
	}
	if page, more := r.Page("", 10); len(page) > 0 || more {
		t.Errorf("after all ends: %v", page)
	}
	mustClose(t, r)
}

// BenchmarkPage lists 100,000 streams in pages of the default size.
func BenchmarkPage(b *testing.B) {
	backend := mocks.NewMockGatewayBackend(gomock.NewController(b))
	backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	r := relay.New(relay.Config{}, backend, slog.New(slog.DiscardHandler))
	for range 100_000 {
		if _, err := r.Open(b.Context(), connection.Token(uuid.NewString()), request); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		total := 0
		for after, more := connection.Token(""), true; more; {
			var page []gateway.Opened
			page, more = r.Page(after, 1000)
			after, total = page[len(page)-1].Token, total+len(page)
		}
		if total != 100_000 {
			b.Fatal(total)
		}
	}
}

func TestEndsAreReportedInParallelButBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, backend := newRelay(t, relay.Config{Parallel: 3})
		var mu sync.Mutex
		now, most, all := 0, 0, 0
		backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().
			DoAndReturn(func(context.Context, connection.Token, gateway.Request, connection.Reason) error {
				mu.Lock()
				now++
				most, all = max(most, now), all+1
				mu.Unlock()
				<-time.After(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				return gateway.ErrBackendUnreachable // does not affect the others
			})
		for i := range 10 {
			token := connection.Token(fmt.Sprint(i))
			open(t, r, token)
			r.End(token, connection.ReasonServerClosed)
		}
		begin := time.Now()
		mustClose(t, r)
		if most != 3 || all != 10 || time.Since(begin) != 4*time.Second {
			t.Errorf("%d reported, at most %d at the same time, in %s; want 10, 3, 4s", all, most, time.Since(begin))
		}
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, backend := newRelay(t, relay.Config{Parallel: 2})
		backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Times(2).
			DoAndReturn(func(ctx context.Context, _ connection.Token, _ gateway.Request, _ connection.Reason) error {
				<-ctx.Done()
				return ctx.Err()
			})
		for i := range 5 {
			token := connection.Token(fmt.Sprint(i))
			open(t, r, token)
			r.End(token, connection.ReasonServerClosed)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "5 disconnect callbacks") {
			t.Errorf("close: %v, want the deadline and 5 streams", err)
		}
		open(t, r, "late")
		r.End("late", connection.ReasonError) // is not reported
	})
}

func TestWaitingDisconnectCallbacksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
		backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Times(3).
			DoAndReturn(func(context.Context, connection.Token, gateway.Request, connection.Reason) error {
				<-time.After(time.Second)
				return nil
			})
		r := relay.New(relay.Config{Parallel: 1, MaxWaiting: 2}, backend, slog.New(slog.NewTextHandler(&log, nil)))
		for i := range 5 {
			token := connection.Token(fmt.Sprint("token-", i))
			open(t, r, token)
			r.End(token, connection.ReasonServerClosed)
			synctest.Wait()
		}
		mustClose(t, r)
		if n := strings.Count(log.String(), "too many wait"); n != 2 || strings.Contains(log.String(), "token-") {
			t.Errorf("%d losses in the log, want 2, without tokens:\n%s", n, &log)
		}
	})
}

func TestFailedDisconnectCallbacksAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
		away := backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Times(3).Return(gateway.ErrBackendTimeout)
		backend.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Times(2).After(away).Return(nil)
		r := relay.New(relay.Config{Parallel: 1}, backend, slog.New(slog.NewTextHandler(&log, nil)))
		for i := range 5 {
			token := connection.Token(fmt.Sprint("token-", i))
			open(t, r, token)
			r.End(token, connection.ReasonServerClosed)
		}
		mustClose(t, r)
		if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "failed=3") || !strings.Contains(text, "in time") {
			t.Errorf("the log is:\n%s", text)
		}
	})
}
