package natsrevocations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsrevocations"
	"heliograph/domain/access"
	"heliograph/test/contract/revocationscontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const keep = 720 * time.Hour

// open returns revocations that are served until t ends.
func open(t *testing.T, broker *natsbroker.Broker) *natsrevocations.Revocations {
	t.Helper()
	r, err := natsrevocations.Open(t.Context(), broker, keep)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func revoke(t *testing.T, r access.Revocations, one access.Revocation) {
	t.Helper()
	if err := r.Revoke(t.Context(), one); err != nil {
		t.Fatal(err)
	}
}

func TestRevocationsContract(t *testing.T) {
	revocationscontract.Run(t, func(t *testing.T) revocationscontract.Subject {
		broker := brokertest.InProcess(t)
		return revocationscontract.Subject{Revocations: open(t, broker), Other: open(t, broker)}
	})
}

func TestThisNodeKnowsAtOnce(t *testing.T) { // A18
	r := open(t, brokertest.InProcess(t))
	revoke(t, r, access.Revocation{Subject: "alice", Before: time.Now()})
	if !r.Revoked(&access.Principal{Subject: "alice"}) {
		t.Error("it is good after Revoke has returned")
	}
}

// What was revoked is told to nobody again: streams that were opened since are those of
// others, or of new credentials.
func TestWhatWasRevokedSurvivesARestartAndIsNotToldAgain(t *testing.T) { // A18
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	r, err := natsrevocations.Open(t.Context(), before, keep)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	revoke(t, r, access.Revocation{Subject: "alice", Before: begin})
	revoke(t, r, access.Revocation{CredentialID: "1", Before: begin})
	revoke(t, r, access.Revocation{Subject: "key:backend", Before: begin})
	revoke(t, r, access.Revocation{Subject: "bob"})
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	after := open(t, brokertest.Open(t, natsbroker.Config{Dir: dir}))
	told := make(chan access.Revocation, 10)
	stop := after.Watch(func(r access.Revocation) { told <- r })
	defer stop()
	for name, c := range map[string]struct {
		p    access.Principal
		want bool
	}{
		"the subject": {access.Principal{Subject: "alice", Issued: begin.Add(-time.Second)}, true}, "issued later": {access.Principal{Subject: "alice", Issued: begin.Add(time.Second)}, false},
		"the credential": {access.Principal{Subject: "carol", CredentialID: "1"}, true}, "the key": {access.Principal{Subject: "key:backend"}, true},
		"one whose streams were ended": {access.Principal{Subject: "bob"}, false},
	} {
		if got := after.Revoked(&c.p); got != c.want {
			t.Errorf("%s: revoked %t, want %t", name, got, c.want)
		}
	}
	revoke(t, after, access.Revocation{Subject: "last"})
	if got := <-told; got.Subject != "last" {
		t.Errorf("told was %+v", got)
	}
}

func TestRecordsAreKeptForAsLongAsTheyMatter(t *testing.T) { // A18
	broker := brokertest.InProcess(t)
	r := open(t, broker)
	now := time.Now()
	revoke(t, r, access.Revocation{Subject: "alice", Before: now})
	revoke(t, r, access.Revocation{Subject: "key:backend", Before: now})
	revoke(t, r, access.Revocation{Subject: "alice"})
	stream, err := broker.JetStream().Stream(t.Context(), "KV_heliograph_revocations")
	if err != nil {
		t.Fatal(err)
	}
	for seq, want := range []time.Duration{keep, 0, time.Minute} {
		msg, err := stream.GetMsg(t.Context(), uint64(seq+1))
		if err != nil {
			t.Fatal(err)
		}
		ttl := msg.Header.Get("Nats-TTL")
		got, _ := time.ParseDuration(ttl) // "" is for ever
		if want == 0 && ttl != "" || got < want-2*time.Second || got > want+2*time.Second {
			t.Errorf("message %d is kept for %q, want %s", seq+1, ttl, want)
		}
	}
}

func TestARecordThatCannotBeReadIsLeftOutAndOverwritten(t *testing.T) { // A18
	broker := brokertest.InProcess(t)
	r := open(t, broker)
	subject := "$KV.heliograph_revocations." + natsbroker.Key("refuse", natsbroker.Digest("alice"), natsbroker.Digest(""))
	for _, text := range []string{"x", `{"format":2,"subject":"alice","before":"2126-01-01T00:00:00Z"}`, `{"format":1,"before":"2126-01-01T00:00:00Z"}`} {
		if _, err := broker.JetStream().Publish(t.Context(), subject, []byte(text)); err != nil {
			t.Fatal(err)
		}
		open(t, broker)
	}
	if r.Revoked(&access.Principal{Subject: "alice"}) {
		t.Error("it counts")
	}
	if broker.Unreadable()["KV_heliograph_revocations"] == 0 {
		t.Error("nothing is counted")
	}
	revoke(t, r, access.Revocation{Subject: "alice", Before: time.Now()})
	if !open(t, broker).Revoked(&access.Principal{Subject: "alice"}) {
		t.Error("it was not overwritten")
	}
}

func TestABrokerThatIsAwayIsToldApart(t *testing.T) { // A18
	broker := brokertest.InProcess(t)
	r, err := natsrevocations.Open(t.Context(), broker, keep)
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, one := range []access.Revocation{{Subject: "alice", Before: time.Now()}, {Subject: "alice"}} {
		if err := r.Revoke(t.Context(), one); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
		if err := r.Revoke(ended, one); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want Canceled", err)
		}
	}
	if r.Revoked(&access.Principal{Subject: "alice"}) {
		t.Error("what failed counts")
	}
}
