package env_test

import (
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/appevent"
	"heliograph/test/contract/appeventservicecontract"
	"heliograph/test/contract/receiptscontract"
)

func TestAppEventService(t *testing.T) {
	runSuite(t, "appeventservicecontract", func(t *testing.T, e environment) {
		appeventservicecontract.Run(t, func(t *testing.T) (s appeventservicecontract.Subject) {
			cfg := e.config(t, map[string]string{"SSE_MAX_EVENT_BYTES": "8KiB"})
			received := newRecorder()
			app, err := bootstrap.New(t.Context(), cfg, silent, fx.Decorate(received.before), fx.Populate(&s.Events))
			if err != nil {
				t.Fatal(err)
			}
			_, stop := start(t, app)
			s.Received, s.MaxBytes = received.await, int(cfg.Stream.MaxEvent)
			s.Stop = func(*testing.T) { stop() }
			return s
		})
	})
}

func TestReceipts(t *testing.T) {
	runSuite(t, "receiptscontract", func(t *testing.T, e environment) {
		receiptscontract.Run(t, func(t *testing.T, keep time.Duration) receiptscontract.Subject {
			if keep != appevent.KeyTime {
				t.Skip("the service remembers keys for two minutes; the adapters' own tests have a shorter time")
			}
			var r appevent.Receipts
			e.build(t, nil, &r)
			return receiptscontract.Subject{Receipts: r, Other: r}
		})
	})
}
