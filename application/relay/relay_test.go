package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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
		if err := r.Open(t.Context(), token, request); err != nil {
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

func TestEndOfAnOpenStreamIsToldOnce(t *testing.T) { // gateway-protocol: exactly one disconnect callback
	r, backend := newRelay(t, relay.Config{})
	backend.EXPECT().Disconnect(gomock.Any(), connection.Token("a"), request, connection.ReasonClientClosed)
	open(t, r, "a")
	r.End("a", connection.ReasonClientClosed)
	r.End("a", connection.ReasonError)
	r.End("unknown", connection.ReasonError)
	mustClose(t, r)
	mustClose(t, r)
}

func TestStreamThatWasNotOpenedHasNoEnd(t *testing.T) {
	backend := mocks.NewMockGatewayBackend(gomock.NewController(t))
	r := relay.New(relay.Config{}, backend, slog.New(slog.DiscardHandler))
	for _, refusal := range []error{&gateway.RejectedError{Status: 401}, gateway.ErrBackendTimeout, gateway.ErrNotConfigured} {
		backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).Return(refusal)
		if err := r.Open(t.Context(), "a", request); !errors.Is(err, refusal) {
			t.Errorf("open: %v, want %v", err, refusal)
		}
		r.End("a", connection.ReasonError)
	}
	ctx, leave := context.WithCancel(t.Context())
	backend.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any()).
		DoAndReturn(func(context.Context, connection.Token, gateway.Request) error {
			leave()
			return nil
		})
	if err := r.Open(ctx, "a", request); !errors.Is(err, context.Canceled) {
		t.Errorf("open for a client that left: %v, want context.Canceled", err)
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

func TestEndsAreToldInParallelButBounded(t *testing.T) {
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
				return gateway.ErrBackendUnreachable // costs nobody else anything
			})
		for i := range 10 {
			token := connection.Token(fmt.Sprint(i))
			open(t, r, token)
			r.End(token, connection.ReasonServerClosed)
		}
		begin := time.Now()
		mustClose(t, r)
		if most != 3 || all != 10 || time.Since(begin) != 4*time.Second {
			t.Errorf("%d told, at most %d at the same time, in %s; want 10, 3, 4s", all, most, time.Since(begin))
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
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), " 5 more ") {
			t.Errorf("close: %v, want the deadline and 5 streams", err)
		}
		open(t, r, "late")
		r.End("late", connection.ReasonError) // is not told
	})
}

func TestEndsThatWaitAreBounded(t *testing.T) {
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

func TestBackendThatMissesEndsIsLoggedOnce(t *testing.T) {
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
		if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "missed=3") || !strings.Contains(text, "in time") {
			t.Errorf("the log is:\n%s", text)
		}
	})
}
