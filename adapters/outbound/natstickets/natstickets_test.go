package natstickets_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natstickets"
	"heliograph/domain/access"
	"heliograph/test/contract/ticketscontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, broker *natsbroker.Broker) *natstickets.Tickets {
	t.Helper()
	tickets, err := natstickets.Open(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

func TestTicketsContract(t *testing.T) {
	ticketscontract.Run(t, func(t *testing.T) ticketscontract.Subject {
		broker := brokertest.InProcess(t)
		return ticketscontract.Subject{Tickets: open(t, broker), Other: open(t, broker)}
	})
}

func records(t *testing.T, broker *natsbroker.Broker) (subjects, texts []string) {
	t.Helper()
	stream, err := broker.JetStream().Stream(t.Context(), "KV_heliograph_tickets")
	if err != nil {
		t.Fatal(err)
	}
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			t.Fatal(err)
		}
		if msg.Header.Get("Nats-TTL") == "" {
			t.Errorf("message %d is kept for ever", seq)
		}
		subjects, texts = append(subjects, msg.Subject), append(texts, string(msg.Data))
	}
	return subjects, texts
}

func TestTheTicketItselfIsNotKept(t *testing.T) { // A6
	broker := brokertest.InProcess(t)
	tickets := open(t, broker)
	first, err := tickets.Issue(t.Context(), &access.Principal{Subject: "alice"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	second, err := tickets.Issue(t.Context(), &access.Principal{Subject: "alice"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, known, err := tickets.Redeem(t.Context(), first); !known || err != nil {
		t.Errorf("%t, %v", known, err)
	}
	subjects, texts := records(t, broker)
	if len(subjects) != 2 {
		t.Errorf("%d messages are kept, want 2", len(subjects))
	}
	for _, text := range slices.Concat(subjects, texts) {
		if strings.Contains(text, first) || strings.Contains(text, second) {
			t.Errorf("%s holds a ticket", text)
		}
	}
}

func TestARecordThatCannotBeReadIsNoTicket(t *testing.T) { // A6
	broker := brokertest.InProcess(t)
	tickets := open(t, broker)
	for i, text := range []string{`x`, `{"format":2,"until":"2126-01-01T00:00:00Z","principal":{"format":1,"subject":"a"}}`, `{"format":1,"until":"2126-01-01T00:00:00Z"}`} {
		ticket, err := tickets.Issue(t.Context(), &access.Principal{Subject: "alice"}, time.Minute)
		if err == nil {
			_, err = broker.JetStream().Publish(t.Context(), "$KV.heliograph_tickets."+natsbroker.Digest(ticket), []byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
		if p, known, err := tickets.Redeem(t.Context(), ticket); p != nil || known || err != nil {
			t.Errorf("%s: %+v, %t, %v", text, p, known, err)
		}
		if n := broker.Unreadable()["KV_heliograph_tickets"]; n != uint64(i+1) {
			t.Errorf("counted are %d, want %d", n, i+1)
		}
	}
}

func TestABrokerThatIsAwayIsToldApart(t *testing.T) { // A6
	broker := brokertest.InProcess(t)
	tickets := open(t, broker)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	_, failed := tickets.Issue(t.Context(), &access.Principal{Subject: "alice"}, time.Minute)
	_, known, failed2 := tickets.Redeem(t.Context(), "x")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, late := tickets.Issue(ended, &access.Principal{Subject: "alice"}, time.Minute)
	if !errors.Is(failed, access.ErrUnavailable) || !errors.Is(failed2, access.ErrUnavailable) || known || !errors.Is(late, context.Canceled) {
		t.Errorf("%v, %v, %v", failed, failed2, late)
	}
}
