package versions_test

import (
	"errors"
	"slices"
	"testing"

	"heliograph/domain/event"
	"heliograph/domain/version"
	"heliograph/test/contract/versionservicecontract"
)

func TestServiceContract(t *testing.T) {
	versionservicecontract.Run(t, func(t *testing.T) versionservicecontract.Subject {
		w := newWorld(t, standard)
		const secret = "10.0.0.1"
		fail := func(*testing.T) {
			w.source.fail(&version.SourceError{Reason: "refused", Cause: errors.New("dial " + secret)})
		}
		fail(t)
		return versionservicecontract.Subject{
			Versions: w.Service, Pending: w.pending, Secret: secret, Fail: fail, MaxBytes: standard.MaxEventBytes,
			Say: func(_ *testing.T, v version.Version) { w.source.say(v) },
			Received: func(t *testing.T, _ int) []event.Event {
				t.Helper()
				w.AwaitBroadcast(t.Context()) // Publish has every stream receive the event
				w.streams.mu.Lock()
				defer w.streams.mu.Unlock()
				return slices.Clone(w.streams.published)
			},
			Stop: func(*testing.T) { w.Drain() },
		}
	})
}
