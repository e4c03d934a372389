package natsreceipts_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsreceipts"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
	"heliograph/test/contract/receiptscontract"
	"heliograph/test/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, broker *natsbroker.Broker, keep time.Duration) *natsreceipts.Receipts {
	t.Helper()
	r, err := natsreceipts.Open(t.Context(), broker, keep)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiptsContract(t *testing.T) {
	receiptscontract.Run(t, func(t *testing.T, keep time.Duration) receiptscontract.Subject {
		broker := brokertest.InProcess(t)
		return receiptscontract.Subject{Receipts: open(t, broker, keep), Other: open(t, broker, keep)}
	})
}

func TestAReceiptSurvivesARestartAndTheKeyItselfIsNotKept(t *testing.T) { // E11
	dir := t.TempDir()
	key, want := appevent.Key{Owner: "ann", Text: "secret-key"}, appevent.Receipt{ID: event.ID{Epoch: "e", Seq: 7}, Delivered: true}
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	r := open(t, before, appevent.KeyTime)
	c, err := r.Claim(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Settle(t.Context(), key, c, want); err != nil {
		t.Fatal(err)
	}
	msg := newest(t, before)
	if text := msg.Subject + string(msg.Data); strings.Contains(text, "ann") || strings.Contains(text, "secret-key") {
		t.Errorf("kept is %s", text)
	}
	if ttl := msg.Header.Get("Nats-TTL"); ttl != "2m10s" && ttl != "130s" && ttl != "130" {
		t.Errorf("it is kept for %q", ttl)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := open(t, brokertest.Open(t, natsbroker.Config{Dir: dir}), appevent.KeyTime).Claim(t.Context(), key)
	if err != nil || again.Receipt == nil || *again.Receipt != want {
		t.Errorf("%+v, %v; want %+v", again, err, want)
	}
}

// newest returns what the bucket holds.
func newest(t *testing.T, broker *natsbroker.Broker) *jetstream.RawStreamMsg {
	t.Helper()
	stream, err := broker.JetStream().Stream(t.Context(), "KV_heliograph_receipts")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), stream.CachedInfo().State.LastSeq)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestWhileNATSIsAwayReceiptsAreUnavailable(t *testing.T) { // E11
	server := natsserver.Start(t)
	r := open(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), appevent.KeyTime)
	c, err := r.Claim(t.Context(), appevent.Key{Text: "k"})
	if err != nil {
		t.Fatal(err)
	}
	server.Away()
	key := appevent.Key{Text: "k"}
	var calls sync.WaitGroup
	for what, call := range map[string]func() error{
		"Claim": func() error {
			_, err := r.Claim(t.Context(), key)
			return err
		},
		"Settle": func() error { return r.Settle(t.Context(), key, c, appevent.Receipt{}) },
		"Drop":   func() error { return r.Drop(t.Context(), key, c) },
	} {
		calls.Go(func() {
			if err := call(); !errors.Is(err, event.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", what, err)
			}
		})
	}
	calls.Wait()
}

func TestARecordThatCannotBeReadIsNoReceipt(t *testing.T) { // E11
	for name, text := range map[string]string{
		"no JSON": "{", "a later format": `{"format":2,"until":"2999-01-01T00:00:00Z","claim":"c"}`,
		"no ID": `{"format":1,"until":"2999-01-01T00:00:00Z","claim":"c","settled":true,"id":"?"}`,
	} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			r := open(t, broker, appevent.KeyTime)
			if _, err := r.Claim(t.Context(), appevent.Key{Text: "k"}); err != nil {
				t.Fatal(err)
			}
			if _, err := broker.JetStream().Publish(t.Context(), newest(t, broker).Subject, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if c, err := r.Claim(t.Context(), appevent.Key{Text: "k"}); err == nil {
				t.Errorf("it is read as %+v", c)
			}
		})
	}
}
