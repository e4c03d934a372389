// Package connectionmanagercontract is the contract of connection.Manager as
// tests: what a gateway's inbound side may rely on.
package connectionmanagercontract

import (
	"context"
	"errors"
	"testing"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Subject is one manager under test, without connections.
type Subject struct {
	Manager connection.Manager
	// Registered returns the token that the registry has for id.
	Registered func(id connection.RequestID) (token connection.Token, ok bool)
	// Closed yields every token that was sent replaced and then closed. Its buffer
	// holds all of a test.
	Closed <-chan connection.Token
	// Principal is that of all streams that do not say; nil if none is required.
	Principal *access.Principal
}

// Run tests the managers that fresh returns, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range clauses {
		t.Run(clause.sentence, func(t *testing.T) { clause.test(t, fresh(t)) })
	}
}

var clauses = []struct {
	sentence string
	test     func(t *testing.T, s Subject)
}{
	{"C1 a connect registers and a disconnect removes", connectDisconnect},
	{"C3 a second connection replaces the first, which gets the event replaced and is closed", secondReplaces},
	{"C3 a repeated connect changes nothing and closes nothing", repeated},
	{"C3 a connect that nobody waits for any more changes nothing and closes nothing", givenUp},
	{"A9 a connect without a principal is refused where one is required", withoutPrincipal},
	{"A15 another subject's connect is refused, and closes nothing", otherSubject},
	{"A12 observers get the connection with the principal that opened it", principalOfContext},
	{"C4 a late disconnect leaves the newer connection", lateDisconnect},
	{"a token of another request_id is refused and nothing changes", tokenTaken},
	{"C5 observers are called in order with the connection that was opened", inOrder},
	{"C5 an observer that panics or fails keeps none of the others from running", brokenObservers},
	{"C5 OpenedHere returns when every observer was called", openedHere},
	{"C6 an observer may be registered while others are called", observeMeanwhile},
	{"C7 a slow observer delays neither the caller nor another connection", slowObserver},
}

func connectDisconnect(t *testing.T, s Subject) {
	s.connect(t, "a", "token-a")
	s.wantRegistered(t, "a", "token-a")
	s.Manager.Disconnect(t.Context(), "token-a", connection.ReasonClientClosed)
	s.wantRegistered(t, "a", "")
}

func secondReplaces(t *testing.T, s Subject) {
	s.connect(t, "a", "old")
	s.connect(t, "a", "new")
	s.wantRegistered(t, "a", "new")
	if got := receive(t, s.Closed); got != "old" {
		t.Errorf("%q was closed, want the replaced token", got)
	}
}

func repeated(t *testing.T, s Subject) {
	s.connect(t, "a", "token-a")
	s.connect(t, "a", "token-a")
	s.wantRegistered(t, "a", "token-a")
	s.connect(t, "a", "marker")
	receive(t, s.Closed) // token-a, by the marker
	s.wantNoneClosed(t)
}

func givenUp(t *testing.T, s Subject) {
	s.connect(t, "a", "token-a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Manager.Connect(access.NewContext(ctx, s.Principal), "a", "late", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect that was given up: %v, want context.Canceled", err)
	}
	s.wantRegistered(t, "a", "token-a")
	s.wantNoneClosed(t)
}

// as returns a context in which p opens streams.
func as(t *testing.T, subject string) context.Context {
	t.Helper()
	return access.NewContext(t.Context(), &access.Principal{Subject: subject})
}

func otherSubject(t *testing.T, s Subject) {
	if _, err := s.Manager.Connect(as(t, "ann"), "a", "token-a", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Manager.Connect(as(t, "bob"), "a", "token-b", ""); !errors.Is(err, connection.ErrRequestIDTaken) {
		t.Errorf("Connect by another subject: %v, want ErrRequestIDTaken", err)
	}
	s.wantRegistered(t, "a", "token-a")
	s.wantNoneClosed(t)
	if _, err := s.Manager.Connect(as(t, "ann"), "a", "token-c", ""); err != nil { // C3 holds within a subject
		t.Fatal(err)
	}
	s.wantRegistered(t, "a", "token-c")
	if got := receive(t, s.Closed); got != "token-a" {
		t.Errorf("%q was closed, want the replaced token", got)
	}
	s.Manager.Disconnect(t.Context(), "token-c", connection.ReasonClientClosed)
	if _, err := s.Manager.Connect(as(t, "bob"), "a", "token-b", ""); err != nil {
		t.Errorf("Connect when its stream has ended: %v", err)
	}
}

func principalOfContext(t *testing.T, s Subject) {
	calls := make(chan connection.Connection, 1)
	s.observe("all", send(calls))
	opening, err := s.Manager.Connect(as(t, "ann"), "a", "token-a", "")
	if err != nil {
		t.Fatal(err)
	}
	opening.Opened()
	if got := receive(t, calls); got.Subject() != "ann" {
		t.Errorf("the observer was called with %+v", got)
	}
}

func withoutPrincipal(t *testing.T, s Subject) {
	want := access.ErrNoCredential
	if s.Principal == nil {
		want = nil
	}
	opening, err := s.Manager.Connect(t.Context(), "a", "token-a", "")
	if !errors.Is(err, want) || (opening != nil) != (want == nil) {
		t.Errorf("%v, %v, want %v", opening, err, want)
	}
	if _, registered := s.Registered("a"); registered != (want == nil) {
		t.Errorf("it is registered: %t", registered)
	}
}

func lateDisconnect(t *testing.T, s Subject) {
	s.connect(t, "a", "old")
	s.connect(t, "a", "new")
	s.Manager.Disconnect(t.Context(), "old", connection.ReasonServerClosed)
	s.wantRegistered(t, "a", "new")
}

func tokenTaken(t *testing.T, s Subject) {
	s.connect(t, "a", "token-a")
	s.connect(t, "b", "token-b")
	if _, err := s.Manager.Connect(access.NewContext(t.Context(), s.Principal), "b", "token-a", ""); !errors.Is(err, connection.ErrTokenTaken) {
		t.Errorf("Connect with a's token: %v, want ErrTokenTaken", err)
	}
	s.wantRegistered(t, "a", "token-a")
	s.wantRegistered(t, "b", "token-b")
	s.wantNoneClosed(t)
}

func inOrder(t *testing.T, s Subject) {
	calls := make(chan string, 2)
	s.observe("first", func(_ context.Context, c connection.Connection) error {
		calls <- "first " + string(c.RequestID+" ") + string(c.Token)
		return nil
	})
	s.observe("second", func(context.Context, connection.Connection) error { calls <- "second"; return nil })
	s.open(t, "a", "token-a")
	for _, want := range []string{"first a token-a", "second"} {
		if got := receive(t, calls); got != want {
			t.Errorf("observers were called as %q, want %q", got, want)
		}
	}
}

func brokenObservers(t *testing.T, s Subject) {
	last := make(chan connection.Connection, 1)
	s.observe("panics", func(context.Context, connection.Connection) error { panic("broken") })
	s.observe("fails", func(context.Context, connection.Connection) error { return errors.New("broken") })
	s.observe("last", send(last))
	s.open(t, "a", "token-a")
	receive(t, last)
	s.wantRegistered(t, "a", "token-a")
}

func openedHere(t *testing.T, s Subject) {
	calls := make(chan connection.Connection, 1)
	s.observe("panics", func(context.Context, connection.Connection) error { panic("broken") })
	s.observe("last", send(calls))
	s.connect(t, "a", "token-a").OpenedHere()
	select {
	case got := <-calls:
		if got.Token != "token-a" {
			t.Errorf("the observer was called with %+v", got)
		}
	default:
		t.Error("the last observer was not called")
	}
}

func observeMeanwhile(t *testing.T, s Subject) {
	calls := make(chan connection.Connection, 8)
	s.observe("registers another", func(context.Context, connection.Connection) error {
		s.observe("another", send(calls))
		return nil
	})
	s.open(t, "a", "token-a")
	s.observe("last", send(calls))
	s.open(t, "b", "token-b")
	for got := receive(t, calls); got.Token != "token-b"; {
		got = receive(t, calls)
	}
}

func slowObserver(t *testing.T, s Subject) {
	release, calls := make(chan struct{}), make(chan connection.Connection, 2)
	defer close(release)
	s.observe("slow for a", func(_ context.Context, c connection.Connection) error {
		if c.RequestID == "a" {
			<-release
		}
		return nil
	})
	s.observe("last", send(calls))
	s.open(t, "a", "token-a") // returns
	s.open(t, "b", "token-b")
	if got := receive(t, calls); got.RequestID != "b" {
		t.Errorf("the last observer was called for %s first", got.RequestID)
	}
}

func (s Subject) connect(t *testing.T, id connection.RequestID, token connection.Token) connection.Opening {
	t.Helper()
	opening, err := s.Manager.Connect(access.NewContext(t.Context(), s.Principal), id, token, "")
	if err != nil {
		t.Fatalf("Connect(%s): %v", id, err)
	}
	return opening
}

func (s Subject) open(t *testing.T, id connection.RequestID, token connection.Token) {
	t.Helper()
	s.connect(t, id, token).Opened()
}

func (s Subject) observe(name string, f connection.ObserverFunc) { s.Manager.Observe(name, f) }

// send makes an observer that tells calls of each connection.
func send(calls chan<- connection.Connection) connection.ObserverFunc {
	return func(_ context.Context, c connection.Connection) error { calls <- c; return nil }
}

// wantRegistered checks which token id has; "" is none.
func (s Subject) wantRegistered(t *testing.T, id connection.RequestID, want connection.Token) {
	t.Helper()
	if got, _ := s.Registered(id); got != want {
		t.Errorf("the registry has %q for %s, want %q", got, id, want)
	}
}

func (s Subject) wantNoneClosed(t *testing.T) {
	t.Helper()
	select {
	case token := <-s.Closed:
		t.Errorf("%s was closed", token)
	default:
	}
}

// receive waits for what must come; the time limit only ends a test that fails.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
