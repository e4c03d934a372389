package gatewayrole

import (
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
)

// Push is a push as a test sees it.
type Push struct {
	Token connection.Token
	Event *wire.Raw
	Close bool
}

// DecodeUsual and DecodeAny are the two ways to read a push.
func DecodeUsual(body []byte) (Push, bool) {
	p, ok := decodeUsual(body)
	return Push{p.token, p.event, p.close}, ok
}

// DecodeAny is the one for every push.
func DecodeAny(body []byte) (Push, error) {
	p, err := decodeAny(body)
	return Push{p.token, p.event, p.close}, err
}

// DecodeBroadcast returns the event of a broadcast.
func DecodeBroadcast(body []byte) (wire.Raw, error) {
	b, err := decodeBroadcast(body)
	return b.event, err
}

// EncodeHeaders is what the backend gets of a request's headers.
var EncodeHeaders = encodeHeaders
