// Package backendcontract is the contract of gateway.Backend, as tests.
package backendcontract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Call is one callback as the other side understood it.
type Call struct {
	Action  string // connect or disconnect
	Token   connection.Token
	Reason  connection.Reason // of a disconnect
	Target  string
	Headers string // compact JSON
}

// Subject is a Backend under test, and the other side.
type Subject struct {
	Backend gateway.Backend
	// Answer makes the other side answer with this status from now on; at first it
	// accepts.
	Answer func(status int)
	// Hang makes it answer no more.
	Hang func()
	// Break makes it unreachable.
	Break func()
	// Calls returns the callbacks so far, in any order of what was concurrent.
	Calls func() []Call
}

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"the backend gets all about a stream, unchanged", getsAll},
		{"a status other than 2xx rejects, with that status", rejects},
		{"a backend that does not answer in time is no unreachable one", timeout},
		{"a backend that is away is unreachable", away},
		{"an ended context is no failure of the backend", endedContext},
		{"a disconnect that fails is not tried again", notTriedAgain},
		{"concurrent calls each reach the backend", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// request is what a browser might ask for, with what is easy to get wrong.
var request = gateway.Request{
	Target:  "/a%2Fb//ü?request_id=me&x=%7B<&>",
	Headers: []byte(`{"cookie":"a=\"<b>\"","host":"h","x-multi":["1","2"]}`),
}

func getsAll(t *testing.T, s Subject) {
	if _, err := s.Backend.Connect(t.Context(), "t1", request); err != nil {
		t.Errorf("connect: %v", err)
	}
	for _, reason := range []connection.Reason{connection.ReasonClientClosed, connection.ReasonServerClosed, connection.ReasonError} {
		if err := s.Backend.Disconnect(t.Context(), "t1", request, reason); err != nil {
			t.Errorf("disconnect: %v", err)
		}
	}
	call := func(action string, reason connection.Reason) Call {
		return Call{Action: action, Token: "t1", Reason: reason, Target: request.Target, Headers: string(request.Headers)}
	}
	want := []Call{call("connect", ""), call("disconnect", "client_closed"), call("disconnect", "server_closed"), call("disconnect", "error")}
	if diff := cmp.Diff(want, s.Calls()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

func rejects(t *testing.T, s Subject) {
	for _, status := range []int{200, 201, 204, 299, 300, 307, 400, 401, 403, 404, 500, 503, 599} {
		s.Answer(status)
		_, err := s.Backend.Connect(t.Context(), "t", request)
		if status < 300 {
			if err != nil {
				t.Errorf("status %d: %v, want it accepted", status, err)
			}
			continue
		}
		if rejected, ok := errors.AsType[*gateway.RejectedError](err); !ok || rejected.Status != status {
			t.Errorf("status %d: %v, want it rejected with that status", status, err)
		}
	}
}

func timeout(t *testing.T, s Subject) {
	s.Hang()
	if _, err := s.Backend.Connect(t.Context(), "t", request); !errors.Is(err, gateway.ErrBackendTimeout) {
		t.Errorf("connect: %v, want ErrBackendTimeout", err)
	}
	if err := s.Backend.Disconnect(t.Context(), "t", request, connection.ReasonError); !errors.Is(err, gateway.ErrBackendTimeout) {
		t.Errorf("disconnect: %v, want ErrBackendTimeout", err)
	}
}

func away(t *testing.T, s Subject) {
	s.Break()
	if _, err := s.Backend.Connect(t.Context(), "t", request); !errors.Is(err, gateway.ErrBackendUnreachable) {
		t.Errorf("connect: %v, want ErrBackendUnreachable", err)
	}
	if err := s.Backend.Disconnect(t.Context(), "t", request, connection.ReasonError); !errors.Is(err, gateway.ErrBackendUnreachable) {
		t.Errorf("disconnect: %v, want ErrBackendUnreachable", err)
	}
}

func endedContext(t *testing.T, s Subject) {
	s.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backend.Connect(ctx, "t", request); !errors.Is(err, context.Canceled) || errors.Is(err, gateway.ErrBackendUnreachable) {
		t.Errorf("connect: %v, want context.Canceled", err)
	}
}

func notTriedAgain(t *testing.T, s Subject) {
	s.Answer(500)
	if err := s.Backend.Disconnect(t.Context(), "t", request, connection.ReasonError); err == nil {
		t.Error("disconnect: no error though the backend said 500")
	}
	if n := len(s.Calls()); n != 1 {
		t.Errorf("%d callbacks, want 1", n)
	}
}

func concurrent(t *testing.T, s Subject) {
	const calls = 50
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			if _, err := s.Backend.Connect(t.Context(), connection.Token(fmt.Sprint(i)), request); err != nil {
				t.Errorf("connect %d: %v", i, err)
			}
		})
	}
	all.Wait()
	var tokens []connection.Token
	for _, c := range s.Calls() {
		tokens = append(tokens, c.Token)
	}
	slices.Sort(tokens)
	if n := len(slices.Compact(tokens)); n != calls {
		t.Errorf("the backend heard of %d streams, want %d", n, calls)
	}
}
