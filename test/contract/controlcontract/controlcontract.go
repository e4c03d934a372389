// Package controlcontract is the contract of gateway.Control, as tests.
package controlcontract

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/stream"
)

// Subject is what is tested.
type Subject struct {
	Control gateway.Control
	// Self is the name of the Control's own node.
	Self string
	// Node is the name of another node, and Away one of a node that there is not.
	Node, Away string
}

// Run tests the controls that fresh makes, a new one each time. Node must have
// peer do what it is asked for.
func Run(t *testing.T, fresh func(t *testing.T, peer gateway.Peer) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject, node *node)
	}{
		{"C3 a stream is closed at the node that owns it, after its last event", closes},
		{"E1 a private event is handed to the node that owns the stream", sends},
		{"C9 the node that owns a stream learns of its end", reportsEnd},
		{"A17 the node that owns a stream gets its new credential", renews},
		{"T22 the node that owns a stream has it follow a task, or no longer", follows},
		{"what the node's sender says is said", says},
		{"an invalid event is refused and asks no node", invalid},
		{"a node that does not answer is ErrNodeAway", away},
		{"an ended context asks no node", ended},
		{"concurrent callers get an answer each", concurrent},
		{"C9 a node owns what is recorded for its name, and nothing else", owns},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &node{}
			c.test(t, fresh(t, n), n)
		})
	}
}

// RunAlone tests the controls of a node that is alone, a new one each time.
func RunAlone(t *testing.T, fresh func(t *testing.T) gateway.Control) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject, node *node)
	}{
		{"an invalid event is refused", invalid},
		{"any other node is away", away},
		{"an ended context asks no node", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, Subject{Control: fresh(t), Node: "node-1", Away: "node-2"}, &node{})
		})
	}
	t.Run("C9 all that is recorded is the node's own", func(t *testing.T) {
		for _, name := range []string{"", "a name that it had before"} {
			if !fresh(t).Owns(name) {
				t.Errorf("what is recorded for %q is not", name)
			}
		}
	})
	t.Run("an end is reported to no other node", func(t *testing.T) {
		if err := fresh(t).Ended(t.Context(), "node-2", "token", connection.ReasonError); !errors.Is(err, gateway.ErrNodeAway) {
			t.Errorf("ended: %v, want ErrNodeAway", err)
		}
	})
}

func owns(t *testing.T, s Subject, _ *node) {
	for name, want := range map[string]bool{s.Self: true, s.Node: false, s.Away: false, "": false} {
		if got := s.Control.Owns(name); got != want {
			t.Errorf("what is recorded for %q is its own: %v", name, got)
		}
	}
}

// node is the peer that is asked.
type node struct {
	mu      sync.Mutex
	ends    []end     // guarded by mu
	closed  []closing // guarded by mu
	renewed []renewal // guarded by mu
	sent    []sending // guarded by mu
	follows []follow  // guarded by mu
	err     error     // what Close, Send, Renew and Follow return; guarded by mu
}

type closing struct {
	Token connection.Token
	Last  event.Event
}

func (n *node) Close(_ context.Context, token connection.Token, last event.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = append(n.closed, closing{token, last})
	return n.err
}

type sending struct {
	Token connection.Token
	Event event.Event
}

func (n *node) Send(_ context.Context, token connection.Token, ev event.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, sending{token, ev})
	return n.err
}

type end struct {
	Token  connection.Token
	Reason connection.Reason
}

func (n *node) Ended(_ context.Context, token connection.Token, reason connection.Reason) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = append(n.ends, end{token, reason})
}

type renewal struct {
	Token     connection.Token
	Principal *access.Principal
}

func (n *node) Renew(_ context.Context, token connection.Token, p *access.Principal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renewed = append(n.renewed, renewal{token, p})
	return n.err
}

type follow struct {
	Token connection.Token
	What  output.Followed
}

func (n *node) Follow(_ context.Context, token connection.Token, f output.Followed) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.follows = append(n.follows, follow{token, f})
	return n.err
}

func (n *node) answer(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

func (n *node) want(t *testing.T, want ...closing) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if diff := cmp.Diff(want, n.closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

var replaced = event.Event{Name: stream.NameReplaced, Data: []byte(`{"a":1}`)}

func closes(t *testing.T, s Subject, n *node) {
	for _, token := range []connection.Token{"one", "two – “ü”"} {
		if err := s.Control.Close(t.Context(), s.Node, token, replaced); err != nil {
			t.Errorf("close %s: %v", token, err)
		}
	}
	n.want(t, closing{"one", replaced}, closing{"two – “ü”", replaced})
}

func sends(t *testing.T, s Subject, n *node) {
	note := event.Event{Service: event.ServiceApp, Name: "order.changed", Data: []byte(`{"<ü>":1}`)}
	state := event.Event{Service: event.ServiceTask, Name: "state", Data: []byte(`[]`), Key: "k"}
	for _, ev := range []event.Event{note, state} {
		if err := s.Control.Send(t.Context(), s.Node, "one – “ü”", ev); err != nil {
			t.Errorf("send: %v", err)
		}
	}
	n.mu.Lock()
	if diff := cmp.Diff([]sending{{"one – “ü”", note}, {"one – “ü”", state}}, n.sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	n.mu.Unlock()
	n.want(t) // it is no event to close a stream with
	for _, want := range []error{gateway.ErrUnknownToken, gateway.ErrClosed, gateway.ErrStreamFull, event.ErrInvalid} {
		n.answer(want)
		if err := s.Control.Send(t.Context(), s.Node, "one", note); !errors.Is(err, want) {
			t.Errorf("send: %v, want %v", err, want)
		}
	}
}

func reportsEnd(t *testing.T, s Subject, n *node) {
	if err := s.Control.Ended(t.Context(), s.Node, "one – “ü”", connection.ReasonClientClosed); err != nil {
		t.Error(err)
	}
	if err := s.Control.Ended(t.Context(), s.Away, "two", connection.ReasonError); !errors.Is(err, gateway.ErrNodeAway) {
		t.Errorf("ended: %v, want ErrNodeAway", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if diff := cmp.Diff([]end{{"one – “ü”", connection.ReasonClientClosed}}, n.ends); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
}

func renews(t *testing.T, s Subject, n *node) {
	p := &access.Principal{
		Subject: "ann – “ü”", Roles: []string{"<sales>", "b"}, Scopes: access.ScopesOf(access.Stream, access.Admin), OtherScopes: []string{"reports"},
		Expires: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Issued: time.Date(2026, 3, 1, 11, 0, 0, 5, time.UTC),
		CredentialID: "jti", TaskTypes: []string{"report"}, TaskID: "task-1",
	}
	least := &access.Principal{Subject: "b"}
	for _, p := range []*access.Principal{p, least} {
		if err := s.Control.Renew(t.Context(), s.Node, "one", p); err != nil {
			t.Errorf("renew: %v", err)
		}
	}
	n.mu.Lock()
	if diff := cmp.Diff([]renewal{{"one", p}, {"one", least}}, n.renewed); diff != "" {
		t.Errorf("renewed (-want +got):\n%s", diff)
	}
	n.mu.Unlock()
	for _, want := range []error{connection.ErrNotFound, connection.ErrOtherPrincipal, connection.ErrUnavailable} {
		n.answer(want)
		if err := s.Control.Renew(t.Context(), s.Node, "one", p); !errors.Is(err, want) {
			t.Errorf("renew: %v, want %v", err, want)
		}
	}
}

func follows(t *testing.T, s Subject, n *node) {
	want := []follow{{"one – “ü”", output.Followed{Task: "task – “ü”", Offset: 1 << 52}}, {"two", output.Followed{Task: "b", Ends: true}}}
	for _, f := range want {
		if err := s.Control.Follow(t.Context(), s.Node, f.Token, f.What); err != nil {
			t.Errorf("follow: %v", err)
		}
	}
	n.mu.Lock()
	if diff := cmp.Diff(want, n.follows); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
	n.mu.Unlock()
	for _, want := range []error{connection.ErrNotFound, connection.ErrUnavailable, output.ErrTooMany, output.ErrShuttingDown} {
		n.answer(want)
		if err := s.Control.Follow(t.Context(), s.Node, "one", output.Followed{Task: "a"}); !errors.Is(err, want) {
			t.Errorf("follow: %v, want %v", err, want)
		}
	}
}

func says(t *testing.T, s Subject, n *node) {
	for _, want := range []error{gateway.ErrUnknownToken, gateway.ErrClosed, gateway.ErrStreamFull, event.ErrInvalid} {
		n.answer(want)
		if err := s.Control.Close(t.Context(), s.Node, "token", replaced); !errors.Is(err, want) {
			t.Errorf("close: %v, want %v", err, want)
		}
	}
	n.answer(errors.New("anything else"))
	if err := s.Control.Close(t.Context(), s.Node, "token", replaced); err == nil {
		t.Error("another error: close returned none")
	}
}

func invalid(t *testing.T, s Subject, n *node) {
	if err := s.Control.Close(t.Context(), s.Node, "token", event.Event{Name: "x"}); !errors.Is(err, event.ErrInvalid) {
		t.Errorf("close: %v, want ErrInvalid", err)
	}
	if err := s.Control.Send(t.Context(), s.Node, "token", event.Event{Name: "x"}); !errors.Is(err, event.ErrInvalid) {
		t.Errorf("send: %v, want ErrInvalid", err)
	}
	if len(n.sent) != 0 {
		t.Errorf("sent are %v", n.sent)
	}
	n.want(t)
}

func away(t *testing.T, s Subject, n *node) {
	if err := s.Control.Close(t.Context(), s.Away, "token", replaced); !errors.Is(err, gateway.ErrNodeAway) {
		t.Errorf("close: %v, want ErrNodeAway", err)
	}
	if err := s.Control.Send(t.Context(), s.Away, "token", replaced); !errors.Is(err, gateway.ErrNodeAway) {
		t.Errorf("send: %v, want ErrNodeAway", err)
	}
	if err := s.Control.Renew(t.Context(), s.Away, "token", &access.Principal{Subject: "ann"}); !errors.Is(err, gateway.ErrNodeAway) {
		t.Errorf("renew: %v, want ErrNodeAway", err)
	}
	if err := s.Control.Follow(t.Context(), s.Away, "token", output.Followed{Task: "a"}); !errors.Is(err, gateway.ErrNodeAway) {
		t.Errorf("follow: %v, want ErrNodeAway", err)
	}
	n.want(t)
}

func ended(t *testing.T, s Subject, n *node) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Control.Close(ctx, s.Node, "token", replaced); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v, want the context's error", err)
	}
	if err := s.Control.Send(ctx, s.Node, "token", replaced); !errors.Is(err, context.Canceled) {
		t.Errorf("send: %v, want the context's error", err)
	}
	if err := s.Control.Renew(ctx, s.Node, "token", &access.Principal{Subject: "ann"}); !errors.Is(err, context.Canceled) {
		t.Errorf("renew: %v, want the context's error", err)
	}
	if err := s.Control.Follow(ctx, s.Node, "token", output.Followed{Task: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v, want the context's error", err)
	}
	n.want(t)
}

func concurrent(t *testing.T, s Subject, n *node) {
	const callers = 32
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if err := s.Control.Close(t.Context(), s.Node, "token", replaced); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	all.Wait()
	if got := len(n.closed); got != callers {
		t.Errorf("%d streams were closed, want %d", got, callers)
	}
}
