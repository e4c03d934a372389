package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"heliograph/domain/access"
)

func TestReservedSubjectsAreOurs(t *testing.T) { // A5, A8
	t.Parallel()
	for subject, want := range map[string]bool{
		"key:x": true, "heliograph:task/x": true, "heliograph:": true, "key": false, "heliograph": false, "": false, "x key:": false,
	} {
		if got := access.Reserved(subject); got != want {
			t.Errorf("%q is reserved: %t", subject, got)
		}
	}
}

func TestAPrincipalSeesWhatItsSubjectRolesAndScopesAllow(t *testing.T) { // A8, A12
	t.Parallel()
	var nobody *access.Principal
	if v := nobody.Viewer(); !v.Equal(access.Viewer{}) || !nobody.Ends().IsZero() {
		t.Errorf("nobody sees what %+v does", v)
	}
	ends := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	ann := access.Principal{Subject: "ann", Roles: []string{"x"}, Scopes: access.ScopesOf(access.Stream), Expires: ends}
	admin, follower := ann, ann
	admin.Scopes, follower.TaskID = access.ScopesOf(access.Admin), "t"
	for p, want := range map[*access.Principal]access.Viewer{
		&ann:      {Subject: "ann", Roles: []string{"x"}},
		&admin:    {Subject: "ann", Roles: []string{"x"}, All: true},
		&follower: {Subject: "ann", Roles: []string{"x"}, Single: true},
	} {
		if got := p.Viewer(); !got.Equal(want) || !p.Ends().Equal(ends) {
			t.Errorf("%+v sees what %+v does, want %+v", p, got, want)
		}
	}
}

func TestAContextCarriesThePrincipalAndTheAddress(t *testing.T) { // A2
	t.Parallel()
	ctx := t.Context()
	if access.FromContext(ctx) != nil || access.AddressFromContext(ctx) != "" || access.NewContext(ctx, nil) != ctx {
		t.Error("a context without a principal has one")
	}
	ann := &access.Principal{Subject: "ann"}
	with := access.NewAddressContext(access.NewContext(ctx, ann), "::1")
	if access.FromContext(with) != ann || access.AddressFromContext(with) != "::1" {
		t.Error("it has lost something")
	}
}

func TestScopesAreReadAndWritten(t *testing.T) { // A8
	t.Parallel()
	const all = "stream tasks:read tasks:start tasks:cancel tasks:work versions:announce events:publish audience admin"
	set, unknown := access.ParseScopes("\t" + all + " admin  x stream:\n")
	if set != access.AllScopes || set.String() != all || !slices.Equal(unknown, []string{"x", "stream:"}) {
		t.Errorf("read %q, unknown %q", set, unknown)
	}
	if set, unknown = access.ParseScopes(" "); set != 0 || set.String() != "" || len(unknown) > 0 {
		t.Errorf("of nothing: %q, %q", set, unknown)
	}
	for s := range access.AllScopes.All() {
		own := access.ScopesOf(s)
		if parsed, _ := access.ParseScopes(s.String()); parsed != own {
			t.Errorf("%s is read as %s", s, parsed)
		}
		for other := range access.AllScopes.All() {
			if got, want := own.Has(other), s == other || s == access.Admin; got != want {
				t.Errorf("%s includes %s: %t", s, other, got)
			}
		}
		if access.Scopes(0).Has(s) {
			t.Errorf("the empty set has %s", s)
		}
	}
	for s := range access.AllScopes.All() { // a loop may end early
		if s != access.Stream {
			t.Errorf("the first is %s", s)
		}
		break
	}
	if got := (access.Stream | access.Admin).String(); got != "scope 0x101" {
		t.Errorf("two scopes are called %q", got)
	}
}

func TestARevocationIsAboutAllThatItNames(t *testing.T) { // A18
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	p := &access.Principal{Subject: "ann", CredentialID: "1", Issued: at}
	for _, c := range []struct {
		name          string
		r             access.Revocation
		matches, ends bool
	}{
		{"nothing", access.Revocation{}, false, false},
		{"the subject", access.Revocation{Subject: "ann"}, true, true},
		{"another subject", access.Revocation{Subject: "bob"}, false, false},
		{"the credential", access.Revocation{CredentialID: "1"}, true, true},
		{"another credential", access.Revocation{CredentialID: "2"}, false, false},
		{"both", access.Revocation{Subject: "ann", CredentialID: "1"}, true, true},
		{"the subject and another credential", access.Revocation{Subject: "ann", CredentialID: "2"}, false, false},
		{"another subject and the credential", access.Revocation{Subject: "bob", CredentialID: "1"}, false, false},
		{"older credentials", access.Revocation{Subject: "ann", Before: at}, false, false},
		{"newer credentials, too", access.Revocation{Subject: "ann", Before: at.Add(1)}, true, true},
		{"the stream", access.Revocation{RequestID: "tab"}, false, true},
		{"another stream", access.Revocation{RequestID: "other"}, false, false},
		{"the stream, with an older credential", access.Revocation{RequestID: "tab", Before: at}, false, false},
		{"the stream, with a newer credential, too", access.Revocation{RequestID: "tab", Before: at.Add(1)}, false, true},
		{"the subject's stream", access.Revocation{RequestID: "tab", Subject: "ann"}, true, true},
		{"another stream of the subject", access.Revocation{RequestID: "other", Subject: "ann"}, true, false},
		{"the stream of another subject", access.Revocation{RequestID: "tab", Subject: "bob"}, false, false},
		{"the stream with another credential", access.Revocation{RequestID: "tab", CredentialID: "2"}, false, false},
	} {
		if m, e := c.r.Matches(p), c.r.Ends(p, "tab"); m != c.matches || e != c.ends {
			t.Errorf("%s: matches %t, ends %t; want %t, %t", c.name, m, e, c.matches, c.ends)
		}
		ofNobody := c.r.RequestID == "tab" && c.r.Subject+c.r.CredentialID == ""
		if m, e := c.r.Matches(nil), c.r.Ends(nil, "tab"); m || e != ofNobody {
			t.Errorf("%s, of a stream without a principal: matches %t, ends %t", c.name, m, e)
		}
	}
}

func TestAGivenChoiceWins(t *testing.T) { // A11
	t.Parallel()
	own, other := access.Choice{Given: true}, access.Choice{Given: true, Audience: &access.Audience{Subjects: []string{"x"}}}
	if got := own.Or(other); got != own {
		t.Errorf("everyone, when it was given, gives way to %v", got.Audience)
	}
	if got := (access.Choice{}).Or(other); got != other {
		t.Errorf("an open choice is %v", got)
	}
}

func TestErrorsSayWhatTheCallerCanDo(t *testing.T) { // A9
	t.Parallel()
	for want, err := range map[string]error{
		"the credential was refused: it ended 3 minutes ago":         access.Refuse(access.RefusedExpired, "it ended %d minutes ago", 3),
		"this is not allowed":                                        &access.ForbiddenError{},
		`this is not allowed: the scope "stream" is missing`:         &access.ForbiddenError{Missing: "stream"},
		`this is not allowed: it is another's`:                       &access.ForbiddenError{Reason: "it is another's"},
		`this is not allowed: the scope "stream" is missing: a note`: &access.ForbiddenError{Missing: "stream", Reason: "a note"},
		"too many connections":                                       &access.LimitError{What: "connections"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if refused, ok := errors.AsType[*access.RefusedError](access.Refuse(access.RefusedEarly, "x")); !ok || refused.Code != access.RefusedEarly {
		t.Errorf("the code is %+v", refused)
	}
	for want, source := range map[string]access.Source{
		"none": 0, "header": access.FromHeader, "cookie": access.FromCookie, "ticket": access.FromTicket, "proxy": access.FromProxy,
	} {
		if source.String() != want {
			t.Errorf("%q, want %q", source, want)
		}
	}
}
