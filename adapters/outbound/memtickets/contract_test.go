package memtickets_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memtickets"
	"heliograph/domain/access"
	"heliograph/test/contract/ticketscontract"
)

func TestTicketsContract(t *testing.T) {
	t.Parallel()
	ticketscontract.Run(t, func(*testing.T) ticketscontract.Subject {
		tickets := memtickets.New()
		return ticketscontract.Subject{Tickets: tickets, Other: tickets}
	})
}

func TestTicketsEndAndMakeRoom(t *testing.T) { // A6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tickets := memtickets.New()
		alice := &access.Principal{Subject: "alice"}
		first, err := tickets.Issue(t.Context(), alice, 30*time.Second)
		n := 1
		for ; err == nil; n++ {
			_, err = tickets.Issue(t.Context(), alice, 30*time.Second)
		}
		if !errors.Is(err, access.ErrUnavailable) || n < 10_000 {
			t.Errorf("after %d: %v, want ErrUnavailable", n, err)
		}
		<-time.After(30 * time.Second)
		if _, known, err := tickets.Redeem(t.Context(), first); !known || err != nil { // none went for another
			t.Errorf("at its end the first one is known: %t, %v", known, err)
		}
		<-time.After(time.Millisecond)
		late, err := tickets.Issue(t.Context(), alice, 30*time.Second)
		if err != nil {
			t.Errorf("when all have ended: %v", err)
		}
		<-time.After(31 * time.Second)
		if _, known, _ := tickets.Redeem(t.Context(), late); known {
			t.Error("one is good after its time")
		}
	})
}
