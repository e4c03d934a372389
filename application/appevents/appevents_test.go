package appevents_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/mempublisher"
	"heliograph/adapters/outbound/memreceipts"
	"heliograph/application/appevents"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
	"heliograph/test/contract/appeventservicecontract"
	"heliograph/test/mocks"
)

var silent = slog.New(slog.DiscardHandler)

// recorder keeps what the broker hands back.
type recorder struct {
	mu  sync.Mutex
	got []event.Event // guarded by mu
}

func (r *recorder) Receive(_ context.Context, rec event.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, rec.Event)
}

func TestServiceContract(t *testing.T) {
	appeventservicecontract.Run(t, func(t *testing.T) appeventservicecontract.Subject {
		received := &recorder{}
		messenger := mocks.NewMockMessenger(gomock.NewController(t))
		messenger.EXPECT().SendTo(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().Return(false, nil)
		s := appevents.New(appevents.Config{MaxEventBytes: 1024}, appevents.Deps{
			Publisher: mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}}, received),
			Messenger: messenger, Receipts: memreceipts.New(appevent.KeyTime), Log: silent,
		})
		return appeventservicecontract.Subject{
			Events: s, MaxBytes: 1024, Stop: func(*testing.T) { s.Drain() },
			Received: func(*testing.T, int) []event.Event {
				received.mu.Lock()
				defer received.mu.Unlock()
				return received.got
			},
		}
	})
}

// parts has a service with mocks beneath it.
type parts struct {
	publisher *mocks.MockPublisher
	messenger *mocks.MockMessenger
	receipts  *mocks.MockReceipts
	logged    bytes.Buffer
	service   *appevents.Service
}

func newParts(t *testing.T, cfg appevents.Config) *parts {
	t.Helper()
	ctrl := gomock.NewController(t)
	p := &parts{publisher: mocks.NewMockPublisher(ctrl), messenger: mocks.NewMockMessenger(ctrl), receipts: mocks.NewMockReceipts(ctrl)}
	p.service = appevents.New(cfg, appevents.Deps{
		Publisher: p.publisher, Messenger: p.messenger, Receipts: p.receipts, Log: slog.New(slog.NewTextHandler(&p.logged, nil)),
	})
	return p
}

var (
	place = event.ID{Epoch: "e", Seq: 7}
	key   = appevent.Key{Owner: "ann", Text: "key"}
	claim = appevent.Claim{ID: "claim"}
)

func request(private bool) appevent.Request {
	r := appevent.Request{Name: "note", Data: json.RawMessage(`1`), Owner: key.Owner, Key: key.Text}
	if private {
		r.RequestID = "tab-1"
	}
	return r
}

func TestAnEventForOneStreamIsPrivate(t *testing.T) { // E11, E1
	t.Parallel()
	for _, delivered := range []bool{true, false} {
		p := newParts(t, appevents.Config{})
		want := event.Event{Service: event.ServiceApp, Name: "note", Data: json.RawMessage(`1`)}
		p.messenger.EXPECT().SendTo(gomock.Any(), request(true).RequestID, want).Return(delivered, nil)
		r := request(true)
		r.Key = ""
		if got, err := p.service.Publish(t.Context(), r); err != nil || got != (appevent.Receipt{Delivered: delivered}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatIsPublishedUnderAClaimIsTheFirstOfItsTopic(t *testing.T) { // E11
	t.Parallel()
	for _, repeated := range []bool{false, true} { // after a crash the broker gets the same again
		p := newParts(t, appevents.Config{})
		c := claim
		c.Repeated = repeated
		p.receipts.EXPECT().Claim(gomock.Any(), key).Return(c, nil)
		want := event.Event{Service: event.ServiceApp, Name: "note", Data: json.RawMessage(`1`), Topic: "app/claim", Order: 1}
		p.publisher.EXPECT().Publish(gomock.Any(), want).Return(place, nil)
		receipt := appevent.Receipt{ID: place, Delivered: true}
		p.receipts.EXPECT().Settle(gomock.Any(), key, c, receipt).Return(event.ErrUnavailable)
		if got, err := p.service.Publish(t.Context(), request(false)); err != nil || got != receipt {
			t.Errorf("%+v, %v", got, err)
		}
		if !strings.Contains(p.logged.String(), "level=WARN") {
			t.Error("it is not logged that the receipt could not be recorded")
		}
	}
}

func TestAPrivateEventThatMayHaveBeenSentIsNotSentAgain(t *testing.T) { // E11
	t.Parallel()
	p := newParts(t, appevents.Config{})
	p.receipts.EXPECT().Claim(gomock.Any(), key).Return(appevent.Claim{ID: "claim", Repeated: true}, nil)
	if _, err := p.service.Publish(t.Context(), request(true)); !errors.Is(err, appevent.ErrUnderWay) {
		t.Errorf("error is %v, want ErrUnderWay", err)
	}
}

func TestAClaimIsDroppedUnlessTheEventMayBeInTheLog(t *testing.T) { // E11
	t.Parallel()
	for name, c := range map[string]struct {
		private bool
		err     error
		dropped bool
	}{
		"the broker is closed":            {err: event.ErrClosed, dropped: true},
		"the broker gives no answer":      {err: event.ErrUnavailable},
		"the caller's time is over":       {err: context.DeadlineExceeded},
		"the caller is gone":              {err: context.Canceled},
		"the registry gives no answer":    {private: true, err: event.ErrUnavailable, dropped: true},
		"the caller of a private is gone": {private: true, err: context.Canceled, dropped: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParts(t, appevents.Config{})
			p.receipts.EXPECT().Claim(gomock.Any(), key).Return(claim, nil)
			p.messenger.EXPECT().SendTo(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().Return(false, c.err)
			p.publisher.EXPECT().Publish(gomock.Any(), gomock.Any()).AnyTimes().Return(event.ID{}, c.err)
			if c.dropped {
				p.receipts.EXPECT().Drop(gomock.Any(), key, claim)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if got, err := p.service.Publish(ctx, request(c.private)); !errors.Is(err, c.err) || got != (appevent.Receipt{}) {
				t.Errorf("%+v, %v; want %v", got, err, c.err)
			}
		})
	}
}

func TestAKeyThatCannotBeClaimedPublishesNothing(t *testing.T) { // E11
	t.Parallel()
	p := newParts(t, appevents.Config{})
	p.receipts.EXPECT().Claim(gomock.Any(), key).Return(appevent.Claim{}, event.ErrUnavailable)
	if _, err := p.service.Publish(t.Context(), request(false)); !errors.Is(err, event.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func TestDataThatIsTooLargeForAnExternalGatewayIsRefused(t *testing.T) { // E8, E11
	t.Parallel()
	p := newParts(t, appevents.Config{MaxWritten: 20})
	r := request(false)
	r.Data = json.RawMessage(`"` + strings.Repeat("x", 17) + `"`) // quotes take two bytes there
	if _, err := p.service.Publish(t.Context(), r); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("error is %v, want ErrTooLarge", err)
	}
}
