package access

import (
	"errors"
	"fmt"
	"time"
)

// What authenticators and policies may say. Their texts are fit for the caller.
var (
	// ErrNoCredential: the request carries none (401).
	ErrNoCredential = errors.New("a credential is required: send Authorization: Bearer, the cookie that is configured, or a ticket")
	// ErrUnavailable: whether the credential is good cannot be found out now, because a
	// key or the store of revocations cannot be read. Try again (503).
	ErrUnavailable = errors.New("credentials cannot be checked now")
)

// RefusedError says that a credential proves nothing (401).
type RefusedError struct {
	// Code is for programs: one of the constants.
	Code RefusalCode
	// Reason helps a person: "it expired 3 minutes ago; do the clocks differ?". It holds
	// no part of the credential that is secret.
	Reason string
}

// RefusalCode is why a credential was refused. Its values are on the wire, as the error
// code of a 401.
type RefusalCode string

// The codes.
const (
	RefusedMalformed RefusalCode = "CREDENTIAL_MALFORMED" // no JWT, no key, no ticket
	RefusedUnknown   RefusalCode = "CREDENTIAL_UNKNOWN"   // signed with an unknown key; a key or a ticket that is not (any more) known
	RefusedSignature RefusalCode = "CREDENTIAL_INVALID"   // its signature or algorithm is wrong, or its issuer or audience
	RefusedExpired   RefusalCode = "CREDENTIAL_EXPIRED"
	RefusedEarly     RefusalCode = "CREDENTIAL_NOT_YET_VALID"
	RefusedRevoked   RefusalCode = "CREDENTIAL_REVOKED"
)

// Error returns the reason.
func (e *RefusedError) Error() string { return "the credential was refused: " + e.Reason }

// Refuse returns a RefusedError.
func Refuse(code RefusalCode, format string, args ...any) error {
	return &RefusedError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// ForbiddenError says that a principal may not do something (403).
type ForbiddenError struct {
	// Missing is the name of the scope that it would need; "" if no scope would do.
	Missing string
	// Reason says more; "" if the scope says everything.
	Reason string
}

// Error says what is missing.
func (e *ForbiddenError) Error() string {
	text := "this is not allowed"
	if e.Missing != "" {
		text += fmt.Sprintf(": the scope %q is missing", e.Missing)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// LimitError says that a subject or an address has or asks for too much (429). Others are
// not affected.
type LimitError struct {
	// What there is too much of, for a person: "connections of one subject".
	What string
	// RetryAfter is when another try may succeed.
	RetryAfter time.Duration
}

// Error says what there is too much of.
func (e *LimitError) Error() string { return "too many " + e.What }
