// Package connection holds connections: a browser's stream is known by its
// request_id, which the client chose, and by its token, which the gateway chose
// (rules C of the specification).
package connection

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/access"
)

// RequestID is the client's name for its stream: 1–128 characters of
// [A-Za-z0-9._~-], without any prefix (rules C1, C2).
type RequestID string

const maxRequestIDLength = 128

// ErrInvalidRequestID says that a text is no request_id. Tell the client (400);
// nothing was registered.
var ErrInvalidRequestID = errors.New("invalid request_id")

// ParseRequestID checks s against rule C2. Errors: ErrInvalidRequestID, with a
// text that is fit for the client.
func ParseRequestID(s string) (RequestID, error) {
	if s == "" {
		return "", fmt.Errorf("%w: it is missing or empty", ErrInvalidRequestID)
	}
	if len(s) > maxRequestIDLength {
		return "", fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrInvalidRequestID, len(s), maxRequestIDLength)
	}
	for i := range len(s) {
		if !requestIDByte(s[i]) {
			return "", fmt.Errorf("%w: character %d is not one of A-Z a-z 0-9 . _ ~ -", ErrInvalidRequestID, i+1)
		}
	}
	return RequestID(s), nil
}

func requestIDByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '~' || c == '-'
}

// ParseAudience reads an audience like access.ParseAudience, and makes sure that its
// request_ids can be those of streams (rule C2): others would be for nobody. Errors:
// access.ErrInvalidAudience.
func ParseAudience(text json.RawMessage) (*access.Audience, error) {
	audience, err := access.ParseAudience(text)
	if err != nil || audience == nil {
		return nil, err
	}
	for _, id := range audience.RequestIDs {
		if _, err := ParseRequestID(id); err != nil {
			return nil, fmt.Errorf("%w: %w", access.ErrInvalidAudience, err)
		}
	}
	return audience, nil
}

// Token is the gateway's name for a stream. It is opaque, unique, and a secret
// of the backend: it never reaches a log.
type Token string

// Connection is one registered stream.
type Connection struct {
	RequestID RequestID
	Token     Token
	// Node is the name of the node that owns the connection: the one that took
	// its connect.
	Node string
	// Principal is who opened it; nil while authentication is off. It changes when the
	// credential is renewed.
	Principal *access.Principal
}

// Same reports whether both are the same stream of the same node, whatever their
// credentials.
func (c Connection) Same(other Connection) bool {
	return c.RequestID == other.RequestID && c.Token == other.Token && c.Node == other.Node
}

// MayReplace reports whether c may take the request_id from there, which holds it: not
// from the stream of another subject (rule A15), unless that stream's credential has
// ended by now and so the stream, too. What belongs to no subject can be replaced, and
// replaces, as while authentication is off. The zero Connection holds nothing.
func (c Connection) MayReplace(there Connection, now time.Time) bool {
	if there.Subject() == "" || c.Subject() == "" || there.Subject() == c.Subject() {
		return true
	}
	ends := there.Principal.Ends()
	return !ends.IsZero() && !now.Before(ends)
}

// Viewer returns what the stream may see.
func (c Connection) Viewer() access.Viewer {
	v := c.Principal.Viewer()
	v.RequestID = string(c.RequestID)
	return v
}

// Subject is whose stream it is; "" while authentication is off.
func (c Connection) Subject() string {
	if c.Principal == nil {
		return ""
	}
	return c.Principal.Subject
}

// Reason says why a connection ended. Gateways may send others than these:
// treat them as text.
type Reason string

// The reasons of the gateway protocol, and our own.
const (
	ReasonClientClosed Reason = "client_closed" // the client went away
	ReasonServerClosed Reason = "server_closed" // the gateway ended the stream on our word
	ReasonError        Reason = "error"         // the stream broke
	ReasonReplaced     Reason = "replaced"      // a newer connection took its request_id (C3)
	ReasonNodeLost     Reason = "node_lost"     // the node that held it is gone
	ReasonGone         Reason = "gone"          // the gateway does not know its token any more (E5)
	ReasonExpired      Reason = "auth_expired"  // its credential has ended or was revoked (A17, A18)
	ReasonDisconnected Reason = "disconnected"  // somebody had it ended (A18)
)
