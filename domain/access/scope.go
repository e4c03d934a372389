package access

import (
	"fmt"
	"iter"
	"strings"
)

// Scope is one thing that a principal may do (rule A8).
type Scope uint16

// The scopes.
const (
	Stream       Scope = 1 << iota // open streams
	TasksRead                      // read tasks
	TasksStart                     // start tasks
	TasksCancel                    // cancel and remove tasks
	TasksWork                      // claim tasks and report on them
	VersionsSend                   // announce versions
	EventsSend                     // publish events of the application's own
	AudienceAny                    // name an audience other than the caller's own
	Admin                          // see every task and stream, and everything that the console can do
)

// scopeNames are the scopes as they are written, in the order of their bits.
var scopeNames = [...]string{
	"stream", "tasks:read", "tasks:start", "tasks:cancel", "tasks:work",
	"versions:announce", "events:publish", "audience", "admin",
}

// String returns the name of s as it is written.
func (s Scope) String() string {
	for i, name := range scopeNames {
		if s == 1<<i {
			return name
		}
	}
	return fmt.Sprintf("scope %#x", uint16(s))
}

// Scopes is a set of scopes. Its zero value is empty.
type Scopes uint16

// AllScopes holds every scope.
const AllScopes = Scopes(1<<len(scopeNames) - 1)

// ScopesOf returns the set of these.
func ScopesOf(scopes ...Scope) (set Scopes) {
	for _, s := range scopes {
		set |= Scopes(s)
	}
	return set
}

// Has reports whether s is in the set, or Admin, which includes every other scope.
func (set Scopes) Has(s Scope) bool {
	return set&Scopes(s) != 0 || set&Scopes(Admin) != 0
}

// All yields the scopes of the set.
func (set Scopes) All() iter.Seq[Scope] {
	return func(yield func(Scope) bool) {
		for i := range scopeNames {
			if s := Scope(1 << i); set&Scopes(s) != 0 && !yield(s) {
				return
			}
		}
	}
}

// String returns the names with a space between them.
func (set Scopes) String() string {
	var names []string
	for s := range set.All() {
		names = append(names, s.String())
	}
	return strings.Join(names, " ")
}

// ParseScopes reads names of scopes with white space between them. unknown has the names
// that are none: those of a JWT may be meant for other services, those that an operator
// wrote are a mistake.
func ParseScopes(text string) (set Scopes, unknown []string) {
	for name := range strings.FieldsSeq(text) {
		found := false
		for i, known := range scopeNames {
			if name == known {
				set, found = set|1<<i, true
			}
		}
		if !found {
			unknown = append(unknown, name)
		}
	}
	return set, unknown
}
