package task

import (
	"encoding/json"
	"fmt"
	"time"

	"heliograph/domain/access"
)

// Type is one kind of task that can be started.
type Type struct {
	Name         string
	Description  string
	ParamsSchema json.RawMessage // a JSON Schema
	// ResultSchema is a JSON Schema of what a completed task returns, for those who read it:
	// nothing is checked against it. Nil where that is unknown.
	ResultSchema json.RawMessage
	Handler      Handler
	// Outside says that workers elsewhere claim and run the tasks: the handler's Run
	// is never called, its Check is.
	Outside bool
	// Runner says what the handler is, for people; "" is a handler that was compiled in.
	Runner Runner
	Policy Policy
	// Audience is whom tasks of the type are for when the one who starts them does not
	// say (rule A11).
	Audience access.Choice
	// HideParams keeps the params of its tasks from all readers but the workers that run
	// them: they are in no status and no list.
	HideParams bool
	// Scope is one that starting needs beside tasks:start; "" is none.
	Scope string
}

// Kind returns what an access.Policy has to know of the type.
func (t Type) Kind() access.TaskKind { return access.TaskKind{Type: t.Name, Scope: t.Scope} }

// Policy says how the tasks of one type are run. Its zero value is that of a
// type that needs nothing special.
type Policy struct {
	// Timeout is how long an attempt may take (rule T8); 0 is the service's default.
	Timeout time.Duration
	// Concurrency is how many tasks of the type run at the same time; 0 is no limit
	// of its own.
	Concurrency int
	// Priority orders the tasks that wait: higher first, then the oldest.
	Priority int
	// Attempts is how often a task is begun at most, whatever ends the attempts: its worker
	// or node is lost, and as below; 0 and 1 are once.
	Attempts int
	// RetryFailures says that another attempt follows one that failed, unless its handler
	// says that this is useless (Permanent), and RetryTimeouts the same of one that ran for
	// longer than it may (rule T18).
	RetryFailures, RetryTimeouts bool
	// Backoff is the wait before the second attempt, doubled for each further one, with up
	// to a quarter more (RetryDelay); 0 is 1 s.
	Backoff time.Duration
	// MaxBackoff is the longest wait; 0 is an hour, or Backoff if that is more.
	MaxBackoff time.Duration
	// Lease is how long a worker outside may go without a report; 0 is 30 s.
	Lease time.Duration
	// Keep is how long a finished task is kept (rule T9); 0 is the service's default.
	Keep time.Duration
}

// Check returns what is wrong with p, for whoever wrote the type; nil for nothing.
func (p Policy) Check() error {
	if min(p.Timeout, p.Backoff, p.MaxBackoff, p.Lease, p.Keep) < 0 || min(p.Concurrency, p.Attempts) < 0 {
		return fmt.Errorf("a number or duration of its policy is negative: %+v", p)
	}
	if longest := p.longestBackoff(); p.Backoff > longest {
		return fmt.Errorf("the back-off of its policy, %s, is more than the longest, %s", p.Backoff, longest)
	}
	return nil
}
