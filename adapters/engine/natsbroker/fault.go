package natsbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
)

// fault is what is wrong now, or nil. It is safe for concurrent use, and its zero
// value is nil.
type fault struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (f *fault) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// ErrAuthorization says that NATS does not take this node's credentials.
var ErrAuthorization = errors.New("NATS refuses the authorization of this node: check NATS_CREDS, and the user in NATS_URL")

// connectFault is err, of a connection, in the words of this package.
func connectFault(err error) error {
	for _, refused := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refused) {
			return fmt.Errorf("%w: %w", ErrAuthorization, err)
		}
	}
	return err
}

// noteAway keeps why the connection cannot be made again, and logs it when that is
// another reason than before.
func (b *Broker) noteAway(err error) {
	err = connectFault(err)
	if before := b.away.get(); before == nil || before.Error() != err.Error() {
		b.log.Warn("NATS cannot be reached yet, trying again", slog.Any("error", err))
	}
	b.away.set(err)
}
