package gatewayrole

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/adapters/http/ginjson"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Where the backend pushes and asks.
const (
	sendPath        = "/internal/send"
	broadcastPath   = "/internal/broadcast"
	connectionsPath = "/internal/connections"
)

// internal holds the endpoints where the backend pushes and asks. It is safe for concurrent
// use.
type internal struct {
	plain   bool     // as Config.Plain
	open    bool     // asks for no secret
	secret  [32]byte // its SHA-256, so that comparing takes the same time for any length
	streams *ssegateway.Gateway
	relay   gateway.Relay
	log     *slog.Logger
}

func (i *internal) register(r gin.IRouter) {
	r.POST(sendPath, i.guarded(i.send))
	if i.plain {
		r.Any(broadcastPath, notHere(i.log))
		r.Any(connectionsPath, notHere(i.log))
		return
	}
	r.POST(broadcastPath, i.guarded(i.broadcast))
	r.GET(connectionsPath, i.guarded(i.connections))
}

// guarded guards a handler with the secret and against web pages, and answers
// the error that it returns. The body of a request without the secret is not read.
func (i *internal) guarded(handle func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := ginjson.RefuseOrigin(c)
		switch {
		case err != nil:
		case i.authentic(c):
			err = handle(c)
		default:
			err = &ginjson.Error{Status: http.StatusUnauthorized, Code: "UNAUTHORIZED", Message: "X-Internal-Secret is missing or wrong"}
		}
		if err != nil {
			abort(c, i.log, err)
		}
	}
}

// authentic compares in constant time.
func (i *internal) authentic(c *gin.Context) bool {
	if i.open {
		return true
	}
	sum := sha256.Sum256([]byte(c.GetHeader("X-Internal-Secret")))
	return subtle.ConstantTimeCompare(sum[:], i.secret[:]) == 1
}

func (i *internal) send(c *gin.Context) error {
	body, err := ginjson.ReadRepeated(c)
	if err != nil {
		return err
	}
	p, err := decodePush(body)
	if err != nil {
		return err
	}
	if p.event != nil {
		p.event.Replay = !i.plain && c.GetHeader(gateway.ReplayHeader) != ""
		if i.plain {
			p.event.ID = ""
		}
	}
	frame, err := i.frame(p.event)
	if err != nil {
		return err
	}
	pending, err := i.streams.PushWhenRoom(c.Request.Context(), p.token, frame, p.close)
	if err != nil {
		return pushError(err)
	}
	status := []byte(`{"status":"ok"}`)
	if pending {
		status = []byte(`{"status":"buffered"}`)
	}
	c.Data(http.StatusOK, jsonType, status)
	return nil
}

const jsonType = gin.MIMEJSON + "; charset=utf-8"

// frame encodes an event; none is the zero Frame.
func (i *internal) frame(ev *wire.Raw) (ssegateway.Frame, error) {
	if ev == nil {
		return ssegateway.Frame{}, nil
	}
	return i.streams.Frame(*ev)
}

func pushError(err error) error {
	switch {
	case errors.Is(err, gateway.ErrUnknownToken):
		return &ginjson.Error{Status: http.StatusNotFound, Code: "TOKEN_NOT_FOUND", Message: "no stream has this token"}
	case errors.Is(err, gateway.ErrStreamFull):
		return &ginjson.Error{
			Status: http.StatusInternalServerError, Code: "WRITE_FAILED",
			Message: "the client reads too slowly: too many bytes wait for it, and it was disconnected",
		}
	default:
		return err
	}
}

// delivery is the answer to a broadcast.
type delivery struct {
	Status    string             `json:"status"`
	Delivered int                `json:"delivered"`
	Unknown   []connection.Token `json:"unknown"`
}

func (i *internal) broadcast(c *gin.Context) error {
	body, err := ginjson.ReadRepeated(c)
	if err != nil {
		return err
	}
	b, err := decodeBroadcast(body)
	if err != nil {
		return err
	}
	frame, err := i.frame(&b.event)
	if err != nil {
		return err
	}
	d, err := i.deliver(frame, b)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, d)
	return nil
}

// deliver hands the event to every stream, by the log, or to the tokens that are
// named, which share its bytes. A stream that is over its limit counts neither as
// delivered nor as unknown.
func (i *internal) deliver(f ssegateway.Frame, b broadcast) (delivery, error) {
	d := delivery{Status: "ok", Unknown: []connection.Token{}}
	if b.all {
		var err error
		d.Delivered, err = i.streams.Publish(f)
		return d, err
	}
	delivered, unknown, err := i.streams.PublishTo(b.tokens, f)
	d.Delivered, d.Unknown = delivered, append(d.Unknown, unknown...)
	return d, err
}

const (
	// defaultLimit is the size of a page that was not asked for otherwise.
	defaultLimit = 1000
	maxLimit     = 10_000
	// maxPage is how many bytes of tokens and URLs a page has at most; it ends early.
	maxPage = 1 << 20
)

type listed struct {
	Token connection.Token `json:"token"`
	URL   string           `json:"url"`
}

func (i *internal) connections(c *gin.Context) error {
	limit := defaultLimit
	if text := c.Query("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit {
			return bad("INVALID_LIMIT", fmt.Sprintf("limit must be 1 to %d", maxLimit))
		}
	}
	page, more := i.relay.Page(connection.Token(c.Query("after")), limit)
	answer := struct {
		Connections []listed          `json:"connections"`
		Next        *connection.Token `json:"next"`
	}{Connections: make([]listed, 0, len(page))}
	size := 0
	for n, o := range page {
		if size += len(o.Token) + len(o.Target); size > maxPage && n > 0 {
			page, more = page[:n], true
			break
		}
		answer.Connections = append(answer.Connections, listed{o.Token, o.Target})
	}
	if more {
		answer.Next = &page[len(page)-1].Token
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// abort answers with an error. A 500 of the protocol (WRITE_FAILED) is caused by a
// client, so it is not logged as a failure of the gateway.
func abort(c *gin.Context, log *slog.Logger, err error) {
	if known, ok := errors.AsType[*ginjson.Error](err); ok && known.Status == http.StatusInternalServerError {
		c.AbortWithStatusJSON(known.Status, ginjson.Body{Error: ginjson.Detail{Code: known.Code, Message: known.Message}})
		return
	}
	ginjson.Abort(c, log, err)
}
