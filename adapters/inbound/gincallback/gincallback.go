// Package gincallback serves the callback of an external SSE gateway over gin.
//
// It authenticates, parses and calls the connection manager; of tasks and
// versions it knows nothing (rule S1). The protocol is that of
// gateway-protocol, "Gateway → backend: callbacks".
package gincallback

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Config says which gateways may call.
type Config struct {
	// Secret is what the gateway must send, in the query's "secret" or in the
	// header X-SSE-Callback-Secret. "" asks for none.
	Secret string
	// RequireSecret refuses every callback while Secret is "" (rule S2, production).
	RequireSecret bool
	// OnCallback is called for every authenticated callback, which shows that the
	// gateway is up; nil is allowed.
	OnCallback func()
	// Incomplete is asked, once for each connect, whether the client could not be
	// sent what it missed: then the gateway is asked to have it come back. nil is
	// never.
	Incomplete func(connection.Token) bool
	// Gate is asked who a stream is for, by its client's headers and URL, and whether that
	// principal may listen (rule A7). nil asks nothing.
	Gate *ginaccess.Gate
	// Refused is told of the streams that are not opened, with the code of the error; nil is nobody.
	Refused func(id connection.RequestID, code string)
}

// Callback is the callback endpoint. It is safe for concurrent use.
type Callback struct {
	onCallback func()
	incomplete func(connection.Token) bool
	gate       *ginaccess.Gate
	refused    func(connection.RequestID, string)
	open       bool     // no secret is asked for
	secret     [32]byte // its SHA-256, so that comparing takes the same time for any length
	manager    connection.Manager
	log        *slog.Logger
}

// New returns the endpoint.
func New(cfg Config, m connection.Manager, log *slog.Logger) *Callback {
	if cfg.OnCallback == nil {
		cfg.OnCallback = func() {}
	}
	if cfg.Incomplete == nil {
		cfg.Incomplete = func(connection.Token) bool { return false }
	}
	if cfg.Refused == nil {
		cfg.Refused = func(connection.RequestID, string) {}
	}
	return &Callback{
		onCallback: cfg.OnCallback, incomplete: cfg.Incomplete, gate: cfg.Gate, refused: cfg.Refused,
		open:   cfg.Secret == "" && !cfg.RequireSecret,
		secret: sha256.Sum256([]byte(cfg.Secret)), manager: m, log: log,
	}
}

// Register adds the route to r, which is the root.
func (cb *Callback) Register(r gin.IRouter) { r.POST(paths.Callback, cb.serve) }

func (cb *Callback) serve(c *gin.Context) {
	if err := cb.handle(c); err != nil {
		ginjson.Abort(c, cb.log, err)
	}
}

// handle answers, or returns why the callback is refused. The body is read only
// after authentication.
func (cb *Callback) handle(c *gin.Context) error {
	if err := ginjson.RefuseOrigin(c); err != nil {
		return err
	}
	if !cb.authentic(c) {
		return &ginjson.Error{
			Status: http.StatusUnauthorized, Code: "UNAUTHORIZED",
			Message: "the callback secret is missing or wrong",
		}
	}
	cb.onCallback()
	body, err := ginjson.Read(c)
	if err != nil {
		return err
	}
	msg, err := decode(body)
	if err != nil {
		return err
	}
	return cb.act(c, msg)
}

// authentic reports whether the request carries the secret, comparing in constant
// time (rule S2). If a secret is required but none is configured, no request does.
func (cb *Callback) authentic(c *gin.Context) bool {
	given := c.GetHeader("X-SSE-Callback-Secret")
	if given == "" {
		given = c.Query("secret")
	}
	sum := sha256.Sum256([]byte(given))
	return cb.open || given != "" && subtle.ConstantTimeCompare(sum[:], cb.secret[:]) == 1
}

// act tells the manager, and calls the observers only once the answer is on the
// wire (rule C5). If it does not get there, the gateway has given the stream up
// without another callback: then what observers send is answered with 404, and
// the connection leaves the registry (rule E5).
func (cb *Callback) act(c *gin.Context, msg message) error {
	if msg.action == actionDisconnect {
		cb.manager.Disconnect(c.Request.Context(), msg.token, msg.reason)
		answer(c)
		return nil
	}
	if err := cb.gate.AdmitForwarded(c, msg.header, msg.query); err != nil {
		cb.tellRefused(msg.requestID, err)
		return err // the gateway passes 401 and 403 on to its client
	}
	opening, err := cb.manager.Connect(c.Request.Context(), msg.requestID, msg.token, msg.lastEventID)
	if err != nil {
		cb.tellRefused(msg.requestID, err)
	}
	if access.FromContext(c.Request.Context()).Viewer().Single {
		c.Header(gateway.OwnOnlyHeader, "true")
	}
	if cb.incomplete(msg.token) {
		c.Header(gateway.ComeBackHeader, "true")
	}
	if err != nil {
		return err
	}
	answer(c)
	opening.Opened()
	return nil
}

// answer sends all of the 200. With the length, which gin adds, it is complete
// for the gateway before this handler returns.
func answer(c *gin.Context) {
	c.Data(http.StatusOK, gin.MIMEJSON+"; charset=utf-8", []byte("{}"))
	c.Writer.Flush()
}

func (cb *Callback) tellRefused(id connection.RequestID, err error) {
	_, code, _ := ginjson.Classify(err)
	cb.refused(id, code)
}
