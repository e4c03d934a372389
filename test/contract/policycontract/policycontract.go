// Package policycontract is the contract of access.Policy, as tests.
package policycontract

import (
	"errors"
	"slices"
	"testing"

	"heliograph/domain/access"
)

// Options says what a policy is.
type Options struct {
	// Open is one without authentication, which allows everything to everybody.
	Open bool
}

// Run tests a policy.
func Run(t *testing.T, policy access.Policy, options Options) {
	s := suite{policy}
	tests := map[string]func(*testing.T){
		"A11 what the caller names wins over the type": s.asked,
		"A11 what the type says counts without it":     s.byType,
	}
	if options.Open {
		tests["A1 everything is allowed, with or without a principal"] = s.open
	} else {
		tests["A8 each scope allows what it is for and nothing else"] = s.scopes
		tests["A8 admin includes every scope"] = s.admin
		tests["A9 no principal may do nothing and sees nothing"] = s.nobody
		tests["A9 what is missing is named"] = s.missing
		tests["A8 a type's own scope is needed for starting it"] = s.typeScope
		tests["A5 a key for some types is for no others"] = s.types
		tests["A8 only the holder of audience may name others"] = s.others
		tests["A11 without a choice it is the caller"] = s.own
		tests["A12 a viewer is whom the principal says"] = s.viewer
	}
	for name, test := range tests {
		t.Run(name, test)
	}
}

type suite struct{ policy access.Policy }

// alice has these scopes.
func alice(scopes ...access.Scope) *access.Principal {
	return &access.Principal{Subject: "alice", Roles: []string{"staff"}, Scopes: access.ScopesOf(scopes...)}
}

func (s suite) open(t *testing.T) {
	for _, p := range []*access.Principal{nil, alice()} {
		for need := range access.AllScopes.All() {
			if err := s.policy.Allow(p, need, access.TaskKind{Type: "t", Scope: "secret"}); err != nil {
				t.Errorf("%s: %v", need, err)
			}
		}
		if v := s.policy.Viewer(p); !v.All {
			t.Errorf("the viewer is %+v, want one that sees everything", v)
		}
		if got, err := s.policy.Audience(p, access.Choice{}, access.Choice{}); got != nil || err != nil {
			t.Errorf("the audience is %v, %v; want everyone", got, err)
		}
	}
}

func (s suite) scopes(t *testing.T) {
	for has := range access.AllScopes.All() {
		for need := range access.AllScopes.All() {
			err := s.policy.Allow(alice(has), need, access.TaskKind{})
			if want := has == need || has == access.Admin; (err == nil) != want {
				t.Errorf("with %s, %s: %v", has, need, err)
			}
		}
	}
}

func (s suite) admin(t *testing.T) {
	for need := range access.AllScopes.All() {
		if err := s.policy.Allow(alice(access.Admin), need, access.TaskKind{Type: "t", Scope: "deploy"}); err != nil {
			t.Errorf("%s: %v", need, err)
		}
	}
}

func (s suite) nobody(t *testing.T) {
	for need := range access.AllScopes.All() {
		if err := s.policy.Allow(nil, need, access.TaskKind{}); !errors.Is(err, access.ErrNoCredential) {
			t.Errorf("%s: %v, want ErrNoCredential", need, err)
		}
	}
	if _, err := s.policy.Audience(nil, access.Choice{}, access.Choice{}); !errors.Is(err, access.ErrNoCredential) {
		t.Errorf("Audience: %v, want ErrNoCredential", err)
	}
	everyone, hers := (*access.Audience)(nil), &access.Audience{Subjects: []string{"alice"}}
	if v := s.policy.Viewer(nil); everyone.Includes(v) || hers.Includes(v) {
		t.Errorf("the viewer is %+v, want one that sees nothing", v)
	}
}

func (s suite) missing(t *testing.T) {
	err := s.policy.Allow(alice(access.Stream), access.TasksStart, access.TaskKind{})
	wantMissing(t, err, "tasks:start")
}

func (s suite) typeScope(t *testing.T) {
	deploy := access.TaskKind{Type: "release", Scope: "deploy"}
	wantMissing(t, s.policy.Allow(alice(access.TasksStart), access.TasksStart, deploy), "deploy")
	p := alice(access.TasksStart)
	p.OtherScopes = []string{"deploy"}
	if err := s.policy.Allow(p, access.TasksStart, deploy); err != nil {
		t.Errorf("with the scope: %v", err)
	}
	p.Scopes = 0
	wantMissing(t, s.policy.Allow(p, access.TasksStart, deploy), "tasks:start")
	// One of our own scopes can be that of a type.
	work := access.TaskKind{Type: "release", Scope: "tasks:work"}
	wantMissing(t, s.policy.Allow(alice(access.TasksStart), access.TasksStart, work), "tasks:work")
	if err := s.policy.Allow(alice(access.TasksStart, access.TasksWork), access.TasksStart, work); err != nil {
		t.Errorf("with tasks:work: %v", err)
	}
	// It is for starting only.
	if err := s.policy.Allow(alice(access.TasksRead), access.TasksRead, deploy); err != nil {
		t.Errorf("reading: %v", err)
	}
}

func (s suite) types(t *testing.T) {
	for _, p := range []*access.Principal{alice(access.TasksStart, access.TasksWork, access.TasksRead), alice(access.Admin)} {
		p.TaskTypes = []string{"import", "export"}
		for _, c := range []struct {
			need access.Scope
			kind string
			want bool
		}{
			{access.TasksStart, "import", true},
			{access.TasksWork, "export", true},
			{access.TasksStart, "release", false},
			{access.TasksWork, "release", false},
			{access.TasksRead, "release", true},
		} {
			err := s.policy.Allow(p, c.need, access.TaskKind{Type: c.kind})
			if forbidden, ok := errors.AsType[*access.ForbiddenError](err); (err == nil) != c.want || err != nil && (!ok || forbidden.Missing != "") {
				t.Errorf("%s of %s: %v", c.need, c.kind, err)
			}
		}
	}
}

func (s suite) asked(t *testing.T) {
	p := alice(access.AudienceAny)
	asked := &access.Audience{Subjects: []string{"bob"}, Roles: []string{"ops"}, RequestIDs: []string{"r"}}
	byType := access.Choice{Given: true, Audience: &access.Audience{Roles: []string{"all"}}}
	got, err := s.policy.Audience(p, access.Choice{Given: true, Audience: asked}, byType)
	if err != nil || got == nil || !slices.Contains(got.Subjects, "bob") || !slices.Equal(got.Roles, asked.Roles) || !slices.Equal(got.RequestIDs, asked.RequestIDs) {
		t.Errorf("the audience is %+v, %v; want at least %+v", got, err, asked)
	}
	if len(asked.Subjects) != 1 {
		t.Errorf("what was asked for is changed to %+v", asked)
	}
	if got, err := s.policy.Audience(p, access.Choice{Given: true}, byType); got != nil || err != nil {
		t.Errorf("the audience is %+v, %v; want everyone", got, err)
	}
}

func (s suite) byType(t *testing.T) {
	p := alice()
	got, err := s.policy.Audience(p, access.Choice{}, access.Choice{Given: true, Audience: &access.Audience{Roles: []string{"ops"}}})
	if err != nil || got == nil || !slices.Equal(got.Roles, []string{"ops"}) {
		t.Errorf("the audience is %+v, %v; want that of the type", got, err)
	}
	if got, err := s.policy.Audience(p, access.Choice{}, access.Choice{Given: true}); got != nil || err != nil {
		t.Errorf("the audience is %+v, %v; want everyone", got, err)
	}
}

func (s suite) own(t *testing.T) {
	got, err := s.policy.Audience(alice(), access.Choice{}, access.Choice{})
	if err != nil || got == nil || !slices.Equal(got.Subjects, []string{"alice"}) || len(got.Roles)+len(got.RequestIDs) > 0 {
		t.Errorf("the audience is %+v, %v; want alice", got, err)
	}
	for name, choices := range map[string][2]access.Choice{
		"asked":   {{Given: true, Audience: &access.Audience{Roles: []string{"ops"}}}, {}},
		"by type": {{}, {Given: true, Audience: &access.Audience{Roles: []string{"ops"}}}},
	} {
		got, err := s.policy.Audience(alice(access.AudienceAny), choices[0], choices[1])
		if err != nil || !slices.Contains(got.Subjects, "alice") {
			t.Errorf("%s: the audience is %+v, %v; want one with the starter", name, got, err)
		}
	}
}

func (s suite) others(t *testing.T) {
	for name, a := range map[string]*access.Audience{
		"everyone":          nil,
		"another":           {Subjects: []string{"bob"}},
		"herself and him":   {Subjects: []string{"alice", "bob"}},
		"a role of hers":    {Roles: []string{"staff"}},
		"a stream":          {RequestIDs: []string{"r"}},
		"hers and a stream": {Subjects: []string{"alice"}, RequestIDs: []string{"r"}},
	} {
		_, err := s.policy.Audience(alice(access.TasksStart), access.Choice{Given: true, Audience: a}, access.Choice{})
		wantMissing(t, err, "audience")
		if _, err := s.policy.Audience(alice(access.AudienceAny), access.Choice{Given: true, Audience: a}, access.Choice{}); err != nil {
			t.Errorf("%s, with the scope: %v", name, err)
		}
	}
	own := access.Choice{Given: true, Audience: &access.Audience{Subjects: []string{"alice"}}}
	if _, err := s.policy.Audience(alice(access.TasksStart), own, access.Choice{}); err != nil {
		t.Errorf("her own: %v", err)
	}
}

func (s suite) viewer(t *testing.T) {
	everyone, hers, his := (*access.Audience)(nil), &access.Audience{Roles: []string{"staff"}}, &access.Audience{Subjects: []string{"bob"}}
	single := alice(access.Stream)
	single.Subject, single.Roles, single.TaskID = access.TaskSubject+"1", nil, "1"
	for name, c := range map[string]struct {
		p                   *access.Principal
		everyone, hers, his bool
	}{
		"a user":        {alice(access.Stream), true, true, false},
		"an admin":      {alice(access.Admin), true, true, true},
		"of one task":   {single, false, false, false},
		"without scope": {alice(), true, true, false},
	} {
		v := s.policy.Viewer(c.p)
		if everyone.Includes(v) != c.everyone || hers.Includes(v) != c.hers || his.Includes(v) != c.his {
			t.Errorf("%s is %+v", name, v)
		}
	}
}

func wantMissing(t *testing.T, err error, scope string) {
	t.Helper()
	forbidden, ok := errors.AsType[*access.ForbiddenError](err)
	if !ok || forbidden.Missing != scope {
		t.Errorf("%v, want that %q is missing", err, scope)
	}
}
