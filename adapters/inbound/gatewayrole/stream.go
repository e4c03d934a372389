package gatewayrole

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/streamhttp"
	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// maxTargetBytes bounds the request target, which is kept for as long as the
// stream is open. Proxies allow no more by default.
const maxTargetBytes = 8 << 10

// stream opens a stream in the order of rule G9: its position in the log is fixed
// and its token accepts pushes, then the backend is asked, and then the client
// gets its headers, what was pushed meanwhile, and the log.
func (g *Gateway) stream(c *gin.Context) {
	if c.Request.Method != http.MethodGet {
		c.Header("Allow", "GET, OPTIONS")
		g.wrongMethod(c)
		return
	}
	if len(c.Request.RequestURI) > maxTargetBytes {
		abort(c, g.log, &ginjson.Error{Status: http.StatusRequestURITooLong, Code: "URI_TOO_LONG", Message: fmt.Sprintf("the URL must have at most %d bytes", maxTargetBytes)})
		return
	}
	token := connection.Token(uuid.NewString())
	stream, err := g.streams.Attach(token, clientOf(c.Request))
	if err != nil {
		g.refuse(c, err)
		return
	}
	defer stream.Detach() // unless it was opened
	accepted, err := g.relay.Open(c.Request.Context(), token, describe(c.Request))
	if err != nil {
		stream.Detach()
		g.refuse(c, err)
		return
	}
	if accepted.OwnOnly {
		stream.LeaveOutLog()
	}
	stream.Open()
	g.hold(c, stream)
}

// clientOf is what the client says. Its request_id is the backend's matter; here
// it says only which stream the client may be coming back to.
func clientOf(r *http.Request) sse.Client {
	id, err := streamurl.RequestID(r.URL.RawQuery)
	if err != nil {
		id = ""
	}
	return sse.Client{Name: string(id), LastEventID: lastEventID(r)}
}

// lastEventID is where the client left off. One that is too long for any event
// was never given out, and is not kept.
func lastEventID(r *http.Request) string {
	if id := streamhttp.LastEventID(r); len(id) <= maxIDBytes {
		return id
	}
	return ""
}

// hold hands an open stream to the engine or serves it to its end.
func (g *Gateway) hold(c *gin.Context, stream *ssegateway.Stream) {
	if g.opener.Adopt(c, stream.Stream, func() {}) {
		return // the engine reports its end
	}
	reason := connection.ReasonError
	defer func() { g.relay.End(stream.Token(), reason) }()
	if sink, err := g.opener.Open(c); err == nil {
		reason = stream.Serve(c.Request.Context(), sink)
	}
}

// refuse answers a stream that cannot be had. While the gateway drains, or has
// too many streams to ask the backend about, or the backend says so, the client is
// asked to come back later: any other answer makes an EventSource give up for good (rule G8).
func (g *Gateway) refuse(c *gin.Context, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		c.Abort() // the client has gone
	case errors.Is(err, sse.ErrDraining), errors.Is(err, gateway.ErrClosed):
		g.opener.Answer(c, g.engine.RetryFrame())
	case errors.Is(err, gateway.ErrBackendBusy), errors.Is(err, gateway.ErrComeBack):
		g.opener.Answer(c, sse.LaterFrame())
	default:
		refusal := refusalOf(err)
		if g.cfg.Format == wire.FormatEnvelope && onStream(refusal.Status) {
			g.opener.Answer(c, wire.RejectedFrame(refusal.Status, refusal.Message))
			return
		}
		abort(c, g.log, refusal)
	}
}

// onStream reports whether a rejection with that status is sent as an event in
// the envelope format.
func onStream(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
}

// refusalOf returns the answer for the client (gateway-protocol, "Client →
// gateway").
func refusalOf(err error) *ginjson.Error {
	if rejected, ok := errors.AsType[*gateway.RejectedError](err); ok {
		return rejection(rejected.Status)
	}
	switch {
	case errors.Is(err, sse.ErrTooManyStreams):
		return &ginjson.Error{Status: http.StatusServiceUnavailable, Code: "TOO_MANY_CONNECTIONS", Message: sse.ErrTooManyStreams.Error()}
	case errors.Is(err, gateway.ErrNotConfigured):
		return &ginjson.Error{Status: http.StatusServiceUnavailable, Code: "SERVICE_NOT_CONFIGURED", Message: gateway.ErrNotConfigured.Error()}
	case errors.Is(err, gateway.ErrBackendTimeout):
		return &ginjson.Error{Status: http.StatusGatewayTimeout, Code: "GATEWAY_TIMEOUT", Message: gateway.ErrBackendTimeout.Error()}
	default:
		return &ginjson.Error{Status: http.StatusServiceUnavailable, Code: "BACKEND_UNAVAILABLE", Message: gateway.ErrBackendUnreachable.Error()}
	}
}

func rejection(status int) *ginjson.Error {
	e := &ginjson.Error{Status: status, Code: "BACKEND_ERROR", Message: "the backend rejected the stream"}
	switch {
	case status == http.StatusUnauthorized:
		e.Code = "BACKEND_AUTH_FAILED"
	case status == http.StatusForbidden:
		e.Code = "BACKEND_FORBIDDEN"
	case status < http.StatusMultipleChoices || status > 599: // none that can be passed on
		e.Status = http.StatusBadGateway
	}
	return e
}
