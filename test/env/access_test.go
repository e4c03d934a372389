package env_test

import (
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/adapters/outbound/tasktokens"
	"heliograph/bootstrap"
	"heliograph/domain/access"
	"heliograph/test/contract/accessservicecontract"
	"heliograph/test/contract/authenticatorcontract"
	"heliograph/test/contract/policycontract"
	"heliograph/test/contract/revocationscontract"
	"heliograph/test/contract/tasktokenscontract"
	"heliograph/test/contract/ticketscontract"
)

// accessPorts are those of one node.
type accessPorts struct {
	service     access.Service
	policy      access.Policy
	tickets     access.Tickets
	tokens      access.TaskTokens
	taker       *tasktokens.Tokens
	revocations access.Revocations
}

func openAccess(t *testing.T, cfg bootstrap.Config) (p accessPorts) {
	t.Helper()
	wire(t, cfg, fx.Populate(&p.service, &p.policy, &p.tickets, &p.tokens, &p.taker, &p.revocations))
	return p
}

// twoNodes are two of a cluster, and one twice where there is one only.
func (e environment) twoNodes(t *testing.T) (one, other accessPorts) {
	t.Helper()
	cfg := e.config(t, nil)
	one = openAccess(t, cfg)
	if !cfg.Broker.Cluster() {
		return one, one
	}
	cfg.NodeName = "node-2"
	return one, openAccess(t, cfg)
}

func TestPolicy(t *testing.T) { // A1, A8
	runSuite(t, "policycontract", func(t *testing.T, e environment) {
		var policy access.Policy
		e.build(t, nil, &policy)
		policycontract.Run(t, policy, policycontract.Options{Open: !e.required()})
	})
}

func TestAccessService(t *testing.T) {
	runSuite(t, "accessservicecontract", func(t *testing.T, e environment) {
		accessservicecontract.Run(t, func(t *testing.T) accessservicecontract.Subject {
			one, _ := e.twoNodes(t)
			return accessservicecontract.Subject{Service: one.service, Policy: one.policy, Issue: issueJWT}
		})
	})
}

// issueJWT returns a JWT as an issuer with the secret would sign it.
func issueJWT(t *testing.T, subject, id string, issued, expires time.Time) access.Credential {
	t.Helper()
	return bearer(mint(t, &access.Principal{Subject: subject, CredentialID: id, Issued: issued, Expires: expires}))
}

func bearer(token string) access.Credential {
	return access.Credential{Source: access.FromHeader, Text: token}
}

// mint returns a JWT of p.
func mint(t *testing.T, p *access.Principal) string {
	t.Helper()
	token, err := jwtauth.Mint(jwtauth.Config{Secret: jwtSecret, SubjectClaim: "sub", RolesClaim: "roles", ScopesClaim: "scope"}, p)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAuthenticator(t *testing.T) { // of tokens for single tasks; bootstrap keeps the others to itself
	runSuite(t, "authenticatorcontract", func(t *testing.T, e environment) {
		authenticatorcontract.Run(t, func(t *testing.T) authenticatorcontract.Subject {
			one, other := e.twoNodes(t)
			p := &access.Principal{
				Subject: access.TaskSubject + "t", TaskID: "t", Scopes: access.ScopesOf(access.Stream, access.TasksRead),
				Issued: time.Now().Truncate(time.Second).UTC(), Expires: time.Now().Add(time.Hour).Truncate(time.Second).UTC(),
			}
			strange := taskToken(t, openAccess(t, embedded.authenticated().config(t, nil)), p)
			return authenticatorcontract.Subject{
				Authenticator: other.taker,
				Good:          map[string]authenticatorcontract.Proof{"a token": {Credential: taskToken(t, one, p), Principal: p}},
				Refused:       map[string]authenticatorcontract.Refusal{"of another service": {Credential: strange, Code: access.RefusedSignature}},
				Foreign: map[string]access.Credential{
					"a JWT": issueJWT(t, "alice", "1", p.Issued, p.Expires), "an API key": bearer("hk_x"),
				},
			}
		})
	})
}

func taskToken(t *testing.T, node accessPorts, p *access.Principal) access.Credential {
	t.Helper()
	token, err := node.tokens.Issue(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return bearer(token)
}

func TestRevocations(t *testing.T) {
	runSuite(t, "revocationscontract", func(t *testing.T, e environment) {
		revocationscontract.Run(t, func(t *testing.T) revocationscontract.Subject {
			one, other := e.twoNodes(t)
			return revocationscontract.Subject{Revocations: one.revocations, Other: other.revocations}
		})
	})
}

func TestTickets(t *testing.T) {
	runSuite(t, "ticketscontract", func(t *testing.T, e environment) {
		ticketscontract.Run(t, func(t *testing.T) ticketscontract.Subject {
			one, other := e.twoNodes(t)
			return ticketscontract.Subject{Tickets: one.tickets, Other: other.tickets}
		})
	})
}

func TestTaskTokens(t *testing.T) {
	runSuite(t, "tasktokenscontract", func(t *testing.T, e environment) {
		tasktokenscontract.Run(t, func(t *testing.T) tasktokenscontract.Subject {
			one, other := e.twoNodes(t)
			stranger := openAccess(t, embedded.authenticated().config(t, nil)) // whose key is its own
			return tasktokenscontract.Subject{Tokens: one.tokens, Authenticator: other.taker, Stranger: stranger.taker}
		})
	})
}
