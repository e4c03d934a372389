// Package noauth implements access.Policy for services without authentication: everybody
// may do everything and see everything (rule A1).
package noauth

import "heliograph/domain/access"

// Policy allows everything. It is safe for concurrent use.
type Policy struct{}

var _ access.Policy = Policy{}

// New returns a Policy.
func New() Policy { return Policy{} }

// Allow implements access.Policy.
func (Policy) Allow(*access.Principal, access.Scope, access.TaskKind) error { return nil }

// Audience implements access.Policy: everyone, unless another one was named.
func (Policy) Audience(_ *access.Principal, asked, byType access.Choice) (*access.Audience, error) {
	return asked.Or(byType).Audience, nil
}

// Viewer implements access.Policy.
func (Policy) Viewer(*access.Principal) access.Viewer { return access.Viewer{All: true} }
