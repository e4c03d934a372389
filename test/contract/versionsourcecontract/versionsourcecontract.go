// Package versionsourcecontract is the contract of version.Source, as tests.
package versionsourcecontract

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/domain/version"
)

// Subject is a source under test.
type Subject struct {
	Source version.Source
	// Says is the payload that it says at first, compact.
	Says string
	// Say makes it say another payload from now on, which may be no version. It
	// and Break are nil for a source that is Constant.
	Say func(t *testing.T, payload string)
	// Break makes it fail until Say.
	Break func(t *testing.T)
}

// Option names what an adapter cannot do.
type Option func(*suite)

type suite struct{ constant string }

// Constant says that the source never changes or fails, and why.
func Constant(why string) Option { return func(s *suite) { s.constant = why } }

// Run holds what fresh returns against every sentence of the contract.
func Run(t *testing.T, fresh func(t *testing.T) Subject, options ...Option) {
	var s suite
	for _, option := range options {
		option(&s)
	}
	for _, c := range []struct {
		name    string
		test    func(t *testing.T, s Subject)
		changes bool
	}{
		{"V4 an answer is what the source says, every field untouched", untouched, false},
		{"V8 an answer says when the source was asked", saysWhen, false},
		{"V8 what has the same time is the same answer", sameAnswer, true},
		{"V5 no age at all gets what the source says now", saysNow, true},
		{"V6 a source that fails is unavailable until it answers", failsAndRecovers, true},
		{"V6 what is no version is unavailable, not the caller's mistake", noVersion, true},
		{"V6 a failure has a reason that is fit for clients", reasonForClients, true},
		{"an ended context is no failure of the source", endedContext, false},
		{"concurrent callers each get an answer", concurrent, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.changes && s.constant != "" {
				t.Skip(s.constant)
			}
			c.test(t, fresh(t))
		})
	}
}

func untouched(t *testing.T, s Subject) {
	wantSaid(t, s, s.Says)
	if s.Say == nil {
		return
	}
	const payload = `{"more":[1.50,{"a":null}],"version":"2.0.0-rc.1","changelog":"<b>\u00e9</b>"}`
	s.Say(t, payload)
	wantSaid(t, s, payload)
}

func saysWhen(t *testing.T, s Subject) {
	before := time.Now()
	answer := ask(t, s, 0)
	if after := time.Now(); answer.At.Before(before) || answer.At.After(after) {
		t.Errorf("asked at %v, want it from %v to %v", answer.At, before, after)
	}
}

func sameAnswer(t *testing.T, s Subject) {
	first := ask(t, s, 0)
	s.Say(t, `{"version":"another"}`)
	second := ask(t, s, time.Hour)
	if same := first.Version.Name() == second.Version.Name(); second.At.Equal(first.At) != same || second.At.Before(first.At) {
		t.Errorf("got %s at %v, then %s at %v", first.Version.Name(), first.At, second.Version.Name(), second.At)
	}
}

func saysNow(t *testing.T, s Subject) {
	for _, payload := range []string{`{"version":"2"}`, `{"version":"3"}`, `{"version":"2"}`} {
		s.Say(t, payload)
		wantSaid(t, s, payload)
	}
}

func failsAndRecovers(t *testing.T, s Subject) {
	s.Break(t)
	_ = wantUnavailable(t, s)
	s.Say(t, s.Says)
	wantSaid(t, s, s.Says)
}

func noVersion(t *testing.T, s Subject) {
	for _, payload := range []string{
		"", "junk", `{"version":"1.0`, "[]", "null", "{}", `{"version":""}`, `{"version":1}`,
		"{\"version\":\"1\",\"changelog\":\"caf\xe9\"}", // Latin-1
		"\xff\xfe{\x00}\x00",
	} {
		s.Say(t, payload)
		_ = wantUnavailable(t, s)
	}
	s.Say(t, "\xef\xbb\xbf"+s.Says)
	if err := wantUnavailable(t, s); !strings.Contains(err.Error(), "byte order mark (BOM)") {
		t.Errorf("Current: %v, want it to name the byte order mark", err)
	}
}

// secrets are texts as errors of networks and files have them.
var secrets = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|:\d{4,5}\b|/`)

func reasonForClients(t *testing.T, s Subject) {
	for name, change := range map[string]func(){
		"broken":     func() { s.Break(t) },
		"no version": func() { s.Say(t, "junk") },
	} {
		change()
		err := wantUnavailable(t, s)
		why, ok := errors.AsType[*version.SourceError](err)
		if !ok || why.Reason == "" || secrets.MatchString(why.Reason) {
			t.Errorf("%s: %#v, want a *version.SourceError whose reason names no address and no path", name, err)
		}
	}
}

func endedContext(t *testing.T, s Subject) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Source.Current(ended, 0); err != nil && (!errors.Is(err, context.Canceled) || errors.Is(err, version.ErrUnavailable)) {
		t.Errorf("Current: %v, want an answer or only %v", err, context.Canceled)
	}
	wantSaid(t, s, s.Says)
}

func concurrent(t *testing.T, s Subject) {
	var callers sync.WaitGroup
	for n := range 8 {
		callers.Go(func() {
			answer, err := s.Source.Current(t.Context(), time.Duration(n)*time.Minute)
			if err != nil || string(answer.Version.Payload()) != s.Says {
				t.Errorf("Current: %s, %v, want %s", answer.Version.Payload(), err, s.Says)
			}
		})
	}
	callers.Wait()
}

func ask(t *testing.T, s Subject, maxAge time.Duration) version.Answer {
	t.Helper()
	answer, err := s.Source.Current(t.Context(), maxAge)
	if err != nil {
		t.Fatalf("Current: %v", err)
	}
	return answer
}

func wantSaid(t *testing.T, s Subject, payload string) {
	t.Helper()
	if got := string(ask(t, s, 0).Version.Payload()); got != payload {
		t.Errorf("the source says %s, want %s", got, payload)
	}
}

func wantUnavailable(t *testing.T, s Subject) error {
	t.Helper()
	answer, err := s.Source.Current(t.Context(), 0)
	if !errors.Is(err, version.ErrUnavailable) || errors.Is(err, version.ErrInvalid) || !answer.Version.IsZero() {
		t.Errorf("Current: %q, %v, want only %v", answer.Version.Name(), err, version.ErrUnavailable)
	}
	return err
}
