package ginapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// The paths of Access.
const (
	TicketPath     = "/api/sse/ticket"
	RevokePath     = "/api/subjects/:subject/revoke"
	DisconnectPath = "/api/connections/disconnect"
	CredentialPath = "/api/connections/:request_id/credential"
)

// AccessDeps are what an Access calls. All are required.
type AccessDeps struct {
	Access      access.Service
	Connections connection.Credentials
}

// Access holds the handlers for credentials and for the streams that were opened with
// them (rules A6, A17, A18). It is safe for concurrent use.
type Access struct {
	deps AccessDeps
	log  *slog.Logger
}

// NewAccess returns an Access. It starts nothing.
func NewAccess(deps AccessDeps, log *slog.Logger) *Access { return &Access{deps: deps, log: log} }

// Register adds the routes to r, which is the root.
func (a *Access) Register(r gin.IRouter) {
	r.POST(TicketPath, handle(a.log, a.ticket))
	r.POST(RevokePath, handle(a.log, a.revoke))
	r.POST(DisconnectPath, handle(a.log, a.disconnect))
	r.POST(CredentialPath, handle(a.log, a.renew))
}

func (a *Access) ticket(c *gin.Context) error {
	ctx := c.Request.Context()
	ticket, keep, err := a.deps.Access.Ticket(ctx, access.FromContext(ctx))
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	return reply(c, http.StatusOK, struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"` // seconds
	}{ticket, int(keep / time.Second)})
}

// revoke ends the credentials of a subject that were issued until now, or the one JWT or
// API key that the body names, and the streams that were opened with them.
func (a *Access) revoke(c *gin.Context) error {
	var body struct {
		JWTID     string `json:"jti"`
		RequestID string `json:"request_id"`
	}
	if err := decodeOptional(c, &body, `the body may be an object with a text "jti" or "request_id"`); err != nil {
		return err
	}
	r := access.Revocation{Subject: c.Param("subject"), CredentialID: body.JWTID, RequestID: body.RequestID}
	if r.RequestID == "" {
		r.Before = time.Now().UTC()
	}
	return a.end(c, r, "the credentials are revoked, and their streams end")
}

func (a *Access) disconnect(c *gin.Context) error {
	const want = `the body must be an object with a text "request_id", "subject" or "jti"`
	var body struct {
		RequestID string `json:"request_id"`
		Subject   string `json:"subject"`
		JWTID     string `json:"jti"`
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.RequestID == "" && body.Subject == "" && body.JWTID == "" {
		return ginjson.InvalidPayload(want)
	}
	return a.end(c, access.Revocation{Subject: body.Subject, CredentialID: body.JWTID, RequestID: body.RequestID}, "the streams end")
}

func (a *Access) end(c *gin.Context, r access.Revocation, message string) error {
	if err := a.deps.Access.Revoke(c.Request.Context(), r); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, message})
}

// renew gives an open stream the credential with which this request was made (rule A17).
func (a *Access) renew(c *gin.Context) error {
	id, err := connection.ParseRequestID(c.Param("request_id"))
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	p := access.FromContext(ctx)
	if p == nil {
		return access.ErrNoCredential
	}
	if err := a.deps.Connections.Renew(ctx, id, p); err != nil {
		return err
	}
	answer := struct {
		Success   bool       `json:"success"`
		ExpiresAt *time.Time `json:"expires_at"` // null: never
	}{Success: true}
	if !p.Expires.IsZero() {
		answer.ExpiresAt = &p.Expires
	}
	return reply(c, http.StatusOK, answer)
}

// decodeOptional is decode for a body that may be left out.
func decodeOptional(c *gin.Context, v any, want string) error {
	if c.Request.ContentLength == 0 {
		return nil
	}
	return decode(c, v, want)
}
