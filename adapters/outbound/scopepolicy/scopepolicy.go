// Package scopepolicy implements access.Policy by the scopes of principals (rules A8,
// A11 and A12).
package scopepolicy

import (
	"fmt"
	"slices"
	"strings"

	"heliograph/domain/access"
)

// Policy allows what a principal has the scope for. It is safe for concurrent use.
type Policy struct{}

var _ access.Policy = Policy{}

// New returns a Policy.
func New() Policy { return Policy{} }

// Allow implements access.Policy.
func (Policy) Allow(p *access.Principal, need access.Scope, kind access.TaskKind) error {
	switch {
	case p == nil:
		return access.ErrNoCredential
	case !p.Scopes.Has(need):
		return &access.ForbiddenError{Missing: need.String()}
	case need == access.TasksStart && !hasNamed(p, kind.Scope):
		return &access.ForbiddenError{Missing: kind.Scope, Reason: fmt.Sprintf("tasks of the type %q need it", kind.Type)}
	case limitsTypes(need) && len(p.TaskTypes) > 0 && kind.Type != "" && !slices.Contains(p.TaskTypes, kind.Type):
		return &access.ForbiddenError{
			Reason: fmt.Sprintf("the credential is for tasks of the types %s only, not %q", strings.Join(p.TaskTypes, ", "), kind.Type),
		}
	}
	return nil
}

// limitsTypes reports whether a principal's TaskTypes say what it may do with the scope.
func limitsTypes(need access.Scope) bool {
	return need == access.TasksStart || need == access.TasksWork
}

// hasNamed reports whether p has the scope that a type of tasks names, which may be one
// of our own.
func hasNamed(p *access.Principal, name string) bool {
	if name == "" || p.Scopes.Has(access.Admin) || slices.Contains(p.OtherScopes, name) {
		return true
	}
	ours, unknown := access.ParseScopes(name)
	return len(unknown) == 0 && p.Scopes&ours == ours
}

// Audience implements access.Policy.
func (Policy) Audience(p *access.Principal, asked, byType access.Choice) (*access.Audience, error) {
	if p == nil {
		return nil, access.ErrNoCredential
	}
	if asked.Given && !p.Scopes.Has(access.AudienceAny) && !onlyOwn(p, asked.Audience) {
		return nil, &access.ForbiddenError{
			Missing: access.AudienceAny.String(), Reason: "without it only the caller's own subject may be named",
		}
	}
	chosen := asked.Or(byType)
	if !chosen.Given {
		return &access.Audience{Subjects: []string{p.Subject}}, nil
	}
	return chosen.Audience.With(p.Subject), nil
}

// onlyOwn reports whether the audience is p and nobody else. Roles and request_ids may
// be others' too.
func onlyOwn(p *access.Principal, a *access.Audience) bool {
	return a != nil && len(a.Roles) == 0 && len(a.RequestIDs) == 0 &&
		!slices.ContainsFunc(a.Subjects, func(s string) bool { return s != p.Subject })
}

// Viewer implements access.Policy. No principal sees nothing.
func (Policy) Viewer(p *access.Principal) access.Viewer {
	if p == nil {
		return access.Viewer{Single: true}
	}
	return p.Viewer()
}
