package task

import (
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Lease names one attempt at a task: an opaque, unguessable token, new for each.
// Every change of a running task must carry it.
type Lease string

// Claim is a task that a worker outside has to run now.
type Claim struct {
	Task  Task
	Lease Lease
	// Term is how long the worker may go without a report before the lease is lost.
	Term time.Duration
}

// defaultLease is how long a worker outside may go without a report, when its type
// does not say: some ten times what a healthy one needs to send one.
const defaultLease = 30 * time.Second

// LeaseTerm is how long a worker outside may go without a report.
func (p Policy) LeaseTerm() time.Duration { return cmp.Or(p.Lease, defaultLease) }

// MaxWorker is how many bytes the name of a worker outside has at most.
const MaxWorker = 128

// ValidWorker reports whether a worker outside may have the name; "" is none. It is in
// every status.
func ValidWorker(name string) bool {
	return len(name) <= MaxWorker && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}
