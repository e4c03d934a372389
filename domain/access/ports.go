package access

import (
	"context"
	"time"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/access.go -package=mocks -mock_names=Authenticator=MockAuthenticator,Policy=MockAccessPolicy,Service=MockAccessService,Tickets=MockTickets,TaskTokens=MockTaskTokens,Revocations=MockRevocations

// Credential is what a request carries to prove whom it comes from.
type Credential struct {
	// Source is where it was.
	Source Source
	// Text is the credential itself: a secret, which must not reach a log.
	Text string
}

// Source is where a request carried its credential.
type Source uint8

// The sources.
const (
	FromHeader Source = iota + 1 // Authorization: Bearer
	FromCookie                   // the cookie of the configured name
	FromTicket                   // the query's ticket (rule A6)
	FromProxy                    // headers of a proxy that authenticates, as text of its adapter's own form
)

// String returns what s is called in logs.
func (s Source) String() string {
	switch s {
	case FromHeader:
		return "header"
	case FromCookie:
		return "cookie"
	case FromTicket:
		return "ticket"
	case FromProxy:
		return "proxy"
	default:
		return "none"
	}
}

// Authenticator is the driven port that decides who a request comes from (rule A2). It is
// safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the principal that c proves. A ticket is used up by it.
	// known is false, without an error, for a credential of a form that it is not for, so
	// that another one is asked. It does no I/O but for tickets, and takes two seconds at
	// most. Errors: *RefusedError, ErrUnavailable, ctx.Err().
	Authenticate(ctx context.Context, c Credential) (p *Principal, known bool, err error)
}

// Policy is the driven port that decides what a principal may do (rule A2). It is safe
// for concurrent use and does no I/O.
type Policy interface {
	// Allow returns nil if p may do what the scope is for. kind says which tasks it is
	// about; the zero value is no task. Errors: ErrNoCredential for nil, *ForbiddenError.
	Allow(p *Principal, need Scope, kind TaskKind) error
	// Audience returns the audience of what p starts or publishes: asked, if it may name
	// that; else what the type of task says; else p. The one who starts is always in it
	// (rule A11). Errors: *ForbiddenError.
	Audience(p *Principal, asked, byType Choice) (*Audience, error)
	// Viewer returns what p may see.
	Viewer(p *Principal) Viewer
}

// TaskKind is what a Policy has to know of the tasks that it is asked about.
type TaskKind struct {
	Type string
	// Scope is one that starting needs beside TasksStart; "" is none.
	Scope string
}

// Choice is an audience that may have been left open. The zero value is open.
type Choice struct {
	Given    bool
	Audience *Audience // nil is everyone, if it was given
}

// Or returns c, or other if c is open.
func (c Choice) Or(other Choice) Choice {
	if c.Given {
		return c
	}
	return other
}

// Tickets is the driven port to tickets: credentials for one stream, which are used once
// (rule A6). Nodes of a cluster share them. It is safe for concurrent use.
type Tickets interface {
	// Issue returns a new ticket of p, an unguessable text that is safe in a URL, and
	// keeps it for the time. Errors: ErrUnavailable, ctx.Err().
	Issue(ctx context.Context, p *Principal, keep time.Duration) (ticket string, err error)
	// Redeem returns the principal of a ticket, which is used up by that: of calls at the
	// same time, on any nodes, one succeeds. known is false for a ticket that is unknown,
	// used or too old. Errors: ErrUnavailable, ctx.Err().
	Redeem(ctx context.Context, ticket string) (p *Principal, known bool, err error)
}

// TaskTokens is the driven port that makes tokens for one task. Its tokens are
// credentials that an Authenticator of the same adapter takes, on any node and after a
// restart. It is safe for concurrent use.
type TaskTokens interface {
	// Issue returns a token of p, whose TaskID is set and which expires. Errors:
	// ErrUnavailable, ctx.Err().
	Issue(ctx context.Context, p *Principal) (token string, err error)
}

// Revocation ends credentials before their time, and the streams that were opened with
// them (rule A18). What it does not name matches all; at least one of the first three
// is named.
type Revocation struct {
	Subject      string
	CredentialID string
	// RequestID is that of one connection, for revocations that only end streams.
	RequestID string
	// Before makes it one that refuses credentials which were issued before that time, in
	// UTC. The zero time only ends streams that are open now.
	Before time.Time
}

// Matches reports whether r is about a credential of p.
func (r Revocation) Matches(p *Principal) bool {
	return p != nil && (r.Subject != "" || r.CredentialID != "") &&
		(r.Subject == "" || r.Subject == p.Subject) && (r.CredentialID == "" || r.CredentialID == p.CredentialID) &&
		(r.Before.IsZero() || p.Issued.Before(r.Before))
}

// Ends reports whether r ends a stream of p that has that request_id.
func (r Revocation) Ends(p *Principal, requestID string) bool {
	if r.RequestID != "" && r.RequestID != requestID {
		return false
	}
	if r.RequestID != "" && r.Subject == "" && r.CredentialID == "" {
		return r.Before.IsZero() || p == nil || p.Issued.Before(r.Before)
	}
	return r.Matches(p)
}

// Revocations is the driven port to what was revoked. Nodes of a cluster share it, and
// what it refuses is remembered for as long as the broker keeps things. It is safe for
// concurrent use.
type Revocations interface {
	// Revoke records r. When it returned, every node knows within a second. Errors:
	// ErrUnavailable, ctx.Err().
	Revoke(ctx context.Context, r Revocation) error
	// Revoked reports whether a credential of p is refused. It looks at this node's
	// memory only.
	Revoked(p *Principal) bool
	// Watch has revoked called with each revocation from now on, this node's and those of
	// others, until stop is called. Calls come one at a time and must not block.
	Watch(revoked func(Revocation)) (stop func())
}

// Service is the driving port that inbound adapters ask. It is safe for concurrent use.
type Service interface {
	// Authenticate returns the principal that c proves, unless it was revoked. Errors:
	// ErrNoCredential for the zero Credential, *RefusedError, ErrUnavailable, ctx.Err().
	Authenticate(ctx context.Context, c Credential) (*Principal, error)
	// Ticket returns a ticket of p and for how long it is good. Errors: ErrNoCredential
	// for nil, ErrUnavailable, ctx.Err().
	Ticket(ctx context.Context, p *Principal) (ticket string, expiresIn time.Duration, err error)
	// TaskToken returns a credential that reads, and may cancel, one task. It is good for
	// twelve hours. The task must have been started with
	// task.Request.Followed. Errors: ErrUnavailable, ctx.Err().
	TaskToken(ctx context.Context, taskID string, cancel bool) (token string, err error)
	// Revoke ends what r names on every node. Errors: ErrUnavailable, ctx.Err().
	Revoke(ctx context.Context, r Revocation) error
}
