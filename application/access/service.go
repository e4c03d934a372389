// Package access decides whom a request comes from: it asks one authenticator after the
// other, and then whether the credential has ended or was revoked (rules A2 to A6).
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heliograph/domain/access"
)

// TicketLife is for how long a ticket is good (rule A6): enough for a page to open its
// stream, and too short for a log to be of use to anybody.
const TicketLife = 30 * time.Second

// TaskTokenLife is for how long a token for one task is good: for tasks that wait in the
// queue and run for long, and a page that is left open meanwhile.
const TaskTokenLife = 12 * time.Hour

// Config is what a Service has to know.
type Config struct {
	// Keep is for how long revocations are remembered. A credential that was issued
	// longer ago than that is refused, since it may have been revoked before. API keys
	// and credentials that do not say when they were issued are not: revocations of keys
	// are kept for ever.
	Keep time.Duration
}

// Deps is what a Service asks.
type Deps struct {
	// Authenticators are asked in this order until one knows the credential.
	Authenticators []access.Authenticator
	Tickets        access.Tickets
	TaskTokens     access.TaskTokens
	Revocations    access.Revocations
	Log            *slog.Logger
}

// Service implements access.Service. It is safe for concurrent use.
type Service struct {
	cfg  Config
	deps Deps
}

var _ access.Service = (*Service)(nil)

// New returns a Service.
func New(cfg Config, deps Deps) *Service { return &Service{cfg: cfg, deps: deps} }

// Authenticate implements access.Service.
func (s *Service) Authenticate(ctx context.Context, c access.Credential) (*access.Principal, error) {
	if c == (access.Credential{}) {
		return nil, access.ErrNoCredential
	}
	p, err := s.identify(ctx, c)
	if err != nil {
		s.logRefusal(ctx, c, err)
		return nil, err
	}
	if err := s.check(p); err != nil {
		s.logRefusal(ctx, c, err)
		return nil, err
	}
	return p, nil
}

// identify returns the principal that c proves, whether it has ended or not.
func (s *Service) identify(ctx context.Context, c access.Credential) (*access.Principal, error) {
	if c.Source == access.FromTicket {
		p, known, err := s.deps.Tickets.Redeem(ctx, c.Text)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, access.Refuse(access.RefusedUnknown,
				"the ticket is unknown, was used already, or is older than %s; get a new one for each stream", TicketLife)
		}
		return p, nil
	}
	for _, a := range s.deps.Authenticators {
		if p, known, err := a.Authenticate(ctx, c); known || err != nil {
			return p, err
		}
	}
	return nil, access.Refuse(access.RefusedMalformed, "it is neither a JWT nor an API key, or this service is not configured for what it is")
}

// check refuses a principal whose credential has ended, was revoked, or is too old for
// that to be known.
func (s *Service) check(p *access.Principal) error {
	now := time.Now()
	switch {
	case !p.Expires.IsZero() && !now.Before(p.Expires):
		return access.Refuse(access.RefusedExpired, "it expired %s ago", now.Sub(p.Expires).Round(time.Second))
	case s.deps.Revocations.Revoked(p):
		return access.Refuse(access.RefusedRevoked, "it was revoked")
	case !p.Issued.IsZero() && now.Sub(p.Issued) > s.cfg.Keep && !strings.HasPrefix(p.Subject, access.KeySubject):
		return access.Refuse(access.RefusedExpired, "it was issued more than %s ago, which is for how long revocations are remembered", s.cfg.Keep)
	}
	return nil
}

// logRefusal says at debug level what the client is told, for operators who look for a
// mistake: anybody can send bad credentials, so it is no more than that.
func (s *Service) logRefusal(ctx context.Context, c access.Credential, err error) {
	level := slog.LevelDebug
	if errors.Is(err, access.ErrUnavailable) {
		level = slog.LevelWarn
	}
	s.deps.Log.Log(ctx, level, "credential refused", slog.String("source", c.Source.String()), slog.Any("error", err))
}

// Ticket implements access.Service.
func (s *Service) Ticket(ctx context.Context, p *access.Principal) (ticket string, expiresIn time.Duration, err error) {
	if p == nil {
		return "", 0, access.ErrNoCredential
	}
	ticket, err = s.deps.Tickets.Issue(ctx, p, TicketLife)
	if err != nil {
		return "", 0, fmt.Errorf("issue ticket: %w", err)
	}
	return ticket, TicketLife, nil
}

// TaskToken implements access.Service.
func (s *Service) TaskToken(ctx context.Context, taskID string, cancel bool) (string, error) {
	now := time.Now().UTC()
	p := &access.Principal{
		Subject: access.TaskSubject + taskID, Scopes: access.ScopesOf(access.Stream, access.TasksRead), TaskID: taskID,
		Issued: now, Expires: now.Add(TaskTokenLife),
	}
	if cancel {
		p.Scopes |= access.ScopesOf(access.TasksCancel)
	}
	token, err := s.deps.TaskTokens.Issue(ctx, p)
	if err != nil {
		return "", fmt.Errorf("token for task %s: %w", taskID, err)
	}
	return token, nil
}

// Revoke implements access.Service.
func (s *Service) Revoke(ctx context.Context, r access.Revocation) error {
	if err := s.deps.Revocations.Revoke(ctx, r); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	s.deps.Log.InfoContext(ctx, "revoked", slog.String("subject", r.Subject), slog.String("credential_id", r.CredentialID),
		slog.String("request_id", r.RequestID), slog.Bool("refuses", !r.Before.IsZero()))
	return nil
}
