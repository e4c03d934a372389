package pings_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/application/pings"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveFor serves for some (fake) time and returns what was broadcast; each
// broadcast answers err.
func serveFor(t *testing.T, interval, d time.Duration, err error) (sent []event.Record) {
	sender := mocks.NewMockGatewaySender(gomock.NewController(t))
	sender.EXPECT().Broadcast(gomock.Any(), gomock.Any()).AnyTimes().
		DoAndReturn(func(_ context.Context, rec event.Record) error {
			sent = append(sent, rec)
			return err
		})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := pings.New(interval, sender, slog.New(slog.DiscardHandler)).Serve(ctx); err != nil {
		t.Error(err)
	}
	return sent
}

func TestPingsEveryInterval(t *testing.T) { // C8, G5
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var want []event.Record
		for _, after := range []time.Duration{10 * time.Second, 20 * time.Second} {
			data := `{"timestamp":"` + start.Add(after).UTC().Format(time.RFC3339Nano) + `","interval":10}`
			want = append(want, event.Record{Event: event.Event{Name: "ping", Data: []byte(data), Key: "ping"}})
		}
		if diff := cmp.Diff(want, serveFor(t, 10*time.Second, 25*time.Second, nil)); diff != "" {
			t.Errorf("sent in 25 s (-want +got):\n%s", diff)
		}
	})
}

func TestPingIsAControlEventOutsideTheLog(t *testing.T) { // M1
	synctest.Test(t, func(t *testing.T) {
		for _, rec := range serveFor(t, time.Second, 3*time.Second, nil) {
			if !rec.Event.Control() || !rec.ID.IsZero() || rec.Event.Validate() != nil {
				t.Errorf("%+v is no valid control event without an ID", rec)
			}
		}
	})
}

func TestPingsGoOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := len(serveFor(t, time.Second, 3500*time.Millisecond, gateway.ErrClosed)); got != 3 {
			t.Errorf("%d pings in 3.5 s while each fails, want 3", got)
		}
	})
}

func TestIntervalZeroNeverPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := len(serveFor(t, 0, time.Hour, nil)); got != 0 {
			t.Errorf("%d pings, want none", got)
		}
	})
}
