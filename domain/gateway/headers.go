package gateway

// MaxBody bounds the body of a request to the gateway's endpoints, and of a
// callback, in bytes (gateway-protocol, "Our extensions"). Gateways in the field
// take less; httpsender knows how much.
const MaxBody = 1 << 20

// Headers by which this service and its own gateway role agree beside the protocol.
// Neither relies on the other knowing them: other programs ignore them.
const (
	// ReplayHeader on a push, with any value, says that the event is one of the log
	// which the client missed. It goes out before the stream is open or not at all: a
	// push that arrives late must not put an old event behind newer ones (rule E7).
	ReplayHeader = "X-SSE-Replay"
	// ComeBackHeader on the 2xx answer to a connect callback, with any value, says that
	// the client could not be sent what it missed in time. The gateway opens no stream:
	// it answers 200 with a retry and the end, and the client asks again (rule G2).
	ComeBackHeader = "X-SSE-Come-Back"
	// OwnOnlyHeader on the 2xx answer to a connect callback, with any value, says that the
	// stream gets what names its token, and nothing that is broadcast to all (rule A12).
	OwnOnlyHeader = "X-SSE-Own-Only"
)
