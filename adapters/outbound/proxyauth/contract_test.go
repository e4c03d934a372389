package proxyauth_test

import (
	"fmt"
	"strings"
	"testing"

	"heliograph/adapters/outbound/proxyauth"
	"heliograph/domain/access"
	"heliograph/test/contract/authenticatorcontract"
)

func TestAuthenticatorContract(t *testing.T) {
	t.Parallel()
	scopes := access.ScopesOf(access.Stream, access.TasksRead)
	from := func(text string) access.Credential {
		return access.Credential{Source: access.FromProxy, Text: text}
	}
	many := ""
	for i := range 201 {
		many += fmt.Sprintf(",r%d", i)
	}
	authenticatorcontract.Run(t, func(*testing.T) authenticatorcontract.Subject {
		alice := func(roles ...string) *access.Principal {
			return &access.Principal{Subject: "alice@example.com", Roles: roles, Scopes: scopes, OtherScopes: []string{"deploy"}}
		}
		return authenticatorcontract.Subject{
			Authenticator: proxyauth.New(proxyauth.Config{Scopes: scopes, OtherScopes: []string{"deploy"}}),
			Unsigned:      true,
			Good: map[string]authenticatorcontract.Proof{
				"without roles":           {Credential: from("alice@example.com"), Principal: alice()},
				"with an empty header":    {Credential: from("alice@example.com\n"), Principal: alice()},
				"with roles":              {Credential: from("alice@example.com\nstaff, ops"), Principal: alice("staff", "ops")},
				"of two headers":          {Credential: from("alice@example.com\nstaff,ops,,x"), Principal: alice("staff", "ops", "x")},
				"with blanks around them": {Credential: from(" alice@example.com \n staff"), Principal: alice("staff")},
			},
			Refused: map[string]authenticatorcontract.Refusal{
				"nobody":           {Credential: from("\nstaff"), Code: access.RefusedMalformed},
				"a key":            {Credential: from("key:backend"), Code: access.RefusedSignature},
				"a task":           {Credential: from("heliograph:task/1"), Code: access.RefusedSignature},
				"ourselves":        {Credential: from("heliograph:x"), Code: access.RefusedSignature},
				"a long name":      {Credential: from(strings.Repeat("a", 257)), Code: access.RefusedMalformed},
				"a control":        {Credential: from("alice\x01"), Code: access.RefusedMalformed},
				"a role of no use": {Credential: from("alice\nstaff,\xff"), Code: access.RefusedMalformed},
				"too many roles":   {Credential: from("alice\n" + many), Code: access.RefusedMalformed, Reason: "201"},
			},
			Foreign: map[string]access.Credential{"a header": {Source: access.FromHeader, Text: "alice"}, "a cookie": {Source: access.FromCookie, Text: "alice"}},
		}
	})
}
