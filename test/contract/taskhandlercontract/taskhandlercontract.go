// Package taskhandlercontract says what every task.Handler must do.
package taskhandlercontract

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/domain/task"
)

// waitLimit is how long a test waits for what should happen soon. It bounds a
// broken handler, not a slow one.
const waitLimit = 30 * time.Second

// Subject is what is tested, with params to test it by.
type Subject struct {
	Handler task.Handler
	// Short are params with which Run returns soon by itself; nil is none.
	Short json.RawMessage
	// Endless are params with which it does not.
	Endless json.RawMessage
	// Bad are params that it does not take.
	Bad []json.RawMessage
	// Shows are params with which the result is what the handler knows of its task:
	// {"id", "attempt", "labels"}; nil for one that has no way to show it.
	Shows json.RawMessage
}

// Run proves the contract. Each call of fresh returns a Subject of its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for name, prove := range map[string]func(*testing.T, Subject){
		"Check takes what Run takes":                           checkTakes,
		"Check refuses bad params with ErrInvalidParams":       checkRefuses,
		"Run of bad params is an error":                        runRefuses,
		"the result is one JSON value or nil":                  resultIsJSON,
		"when its context ends it stops and returns an error":  stops,
		"with an ended context it stops and returns an error":  stopsAtOnce,
		"it is safe for concurrent use":                        concurrent,
		"it keeps nothing of the reporter after it returned":   keepsNothing,
		"cancelling one run leaves another alone":              independent,
		"it changes nothing in the params that it was given":   paramsUntouched,
		"it knows which task it runs":                          knowsItsTask,
		"it may be checked and run again after it was refused": again,
	} {
		t.Run(name, func(t *testing.T) { prove(t, fresh(t)) })
	}
}

func checkTakes(t *testing.T, s Subject) {
	for _, params := range []json.RawMessage{s.Short, s.Endless} {
		if err := s.Handler.Check(params); err != nil {
			t.Errorf("Check(%s) = %v", params, err)
		}
	}
}

func checkRefuses(t *testing.T, s Subject) {
	for _, params := range s.Bad {
		if err := s.Handler.Check(params); !errors.Is(err, task.ErrInvalidParams) {
			t.Errorf("Check(%s) = %v, want ErrInvalidParams", params, err)
		}
	}
}

func runRefuses(t *testing.T, s Subject) {
	for _, params := range s.Bad {
		if result, err := s.Handler.Run(t.Context(), params, &reporter{}); err == nil {
			t.Errorf("Run(%s) = %s, want an error", params, result)
		}
	}
}

func resultIsJSON(t *testing.T, s Subject) {
	result, err := s.Handler.Run(t.Context(), s.Short, &reporter{})
	if err == nil && result != nil && !json.Valid(result) {
		t.Errorf("Run returned %q", result)
	}
}

func stops(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancelCause(t.Context())
	returned := s.run(ctx, s.Endless, &reporter{})
	cancel(task.ErrCancelled)
	wantStopped(t, returned)
}

func stopsAtOnce(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantStopped(t, s.run(ctx, s.Endless, &reporter{}))
}

func concurrent(t *testing.T, s Subject) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := s.Handler.Check(s.Short); err != nil {
				t.Errorf("Check: %v", err)
			}
			_, _ = s.Handler.Run(t.Context(), s.Short, &reporter{})
		})
	}
	all.Wait()
}

func keepsNothing(t *testing.T, s Subject) {
	report := &reporter{}
	_, _ = s.Handler.Run(t.Context(), s.Short, report)
	before := report.calls.Load()
	_, _ = s.Handler.Run(t.Context(), s.Short, &reporter{})
	if after := report.calls.Load(); after != before {
		t.Errorf("%d reports came after Run returned", after-before)
	}
}

func independent(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other := s.run(ctx, s.Endless, &reporter{})
	stops(t, s)
	select {
	case err := <-other:
		t.Errorf("the other run ended with %v", err)
	default:
	}
	cancel()
	wantStopped(t, other)
}

func paramsUntouched(t *testing.T, s Subject) {
	before := string(s.Short)
	_, _ = s.Handler.Run(t.Context(), s.Short, &reporter{})
	if after := string(s.Short); after != before {
		t.Errorf("params were %q and are %q", before, after)
	}
}

func knowsItsTask(t *testing.T, s Subject) {
	if s.Shows == nil {
		t.Skip("this one has no way to show what it knows")
	}
	for _, want := range []string{
		`{"id":"0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a","attempt":2,"labels":{"order":"4711","page":"<ü> $HOME \"it's\""}}`,
		`{"id":"another","attempt":1,"labels":{}}`,
	} {
		var of struct {
			ID      task.ID     `json:"id"`
			Attempt int         `json:"attempt"`
			Labels  task.Labels `json:"labels"`
		}
		if err := json.Unmarshal([]byte(want), &of); err != nil {
			t.Fatal(err)
		}
		if len(of.Labels) == 0 {
			of.Labels = nil
		}
		ctx := task.NewContext(t.Context(), task.Execution{ID: of.ID, Attempt: of.Attempt, Labels: of.Labels, Owner: "ann"})
		if got, err := s.Handler.Run(ctx, s.Shows, &reporter{}); err != nil || string(got) != want {
			t.Errorf("Run returned %s, %v; want %s", got, err, want)
		}
	}
}

func again(t *testing.T, s Subject) {
	checkRefuses(t, s)
	checkTakes(t, s)
	_, first := s.Handler.Run(t.Context(), s.Short, &reporter{})
	_, second := s.Handler.Run(t.Context(), s.Short, &reporter{})
	if (first == nil) != (second == nil) {
		t.Errorf("the first run ended with %v, the second with %v", first, second)
	}
}

// run runs the handler in the background.
func (s Subject) run(ctx context.Context, params json.RawMessage, report task.Reporter) <-chan error {
	returned := make(chan error, 1)
	go func() {
		_, err := s.Handler.Run(ctx, params, report)
		returned <- err
	}()
	return returned
}

func wantStopped(t *testing.T, returned <-chan error) {
	t.Helper()
	select {
	case err := <-returned:
		if err == nil {
			t.Error("it was stopped, but returned no error")
		}
	case <-time.After(waitLimit):
		t.Error("it does not stop")
	}
}

// reporter counts what is reported.
type reporter struct{ calls atomic.Int64 }

func (r *reporter) Report(string, float64) { r.calls.Add(1) }
func (r *reporter) Text(string)            { r.calls.Add(1) }
func (r *reporter) Value(float64)          { r.calls.Add(1) }
func (r *reporter) Update(task.Update)     { r.calls.Add(1) }
