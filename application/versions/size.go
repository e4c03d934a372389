package versions

import (
	"fmt"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

// sizeLimits bounds the payload of a version; 0 is no bound.
type sizeLimits struct {
	payload int // in bytes
	written int // event.Written of it
}

// check holds v against rule E8. Errors: version.ErrTooLarge.
func (l sizeLimits) check(v version.Version) error {
	if size := len(v.Payload()); l.payload > 0 && size > l.payload {
		return fmt.Errorf("%w: its payload has %d bytes, at most %d are allowed", version.ErrTooLarge, size, l.payload)
	}
	if size := event.Written(v.Payload()); l.written > 0 && size > l.written {
		return fmt.Errorf("%w: its payload has %d bytes as it is written to the gateway, at most %d are allowed", version.ErrTooLarge, size, l.written)
	}
	return nil
}
