package memrevocations_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memrevocations"
	"heliograph/domain/access"
	"heliograph/test/contract/revocationscontract"
)

func TestRevocationsContract(t *testing.T) {
	revocationscontract.Run(t, func(*testing.T) revocationscontract.Subject {
		r := memrevocations.New(time.Hour)
		return revocationscontract.Subject{Revocations: r, Other: r}
	})
}

// One that is refused is told; forgetting another would let its credential in again.
func TestRevocationsAreBoundedAndNoneIsForgottenForAnother(t *testing.T) { // A18
	synctest.Test(t, func(t *testing.T) {
		r := memrevocations.New(time.Hour)
		begin := time.Now()
		var refused error
		n := 0
		for ; refused == nil; n++ {
			refused = r.Revoke(t.Context(), access.Revocation{Subject: strconv.Itoa(n), Before: begin})
		}
		if !errors.Is(refused, access.ErrUnavailable) || n < 10_000 {
			t.Errorf("after %d: %v, want ErrUnavailable", n, refused)
		}
		for i := range n - 1 {
			if !r.Revoked(&access.Principal{Subject: strconv.Itoa(i)}) {
				t.Fatalf("%d was forgotten", i)
			}
		}
		<-time.After(time.Hour + time.Second)
		if err := r.Revoke(t.Context(), access.Revocation{Subject: "x", Before: time.Now()}); err != nil {
			t.Errorf("when all have ended: %v", err)
		}
		if r.Revoked(&access.Principal{Subject: "0"}) {
			t.Error("an ended one is remembered")
		}
	})
}

func TestARevokedKeyIsNeverForgotten(t *testing.T) { // A5, A18
	synctest.Test(t, func(t *testing.T) {
		r := memrevocations.New(time.Hour)
		if err := r.Revoke(t.Context(), access.Revocation{Subject: "key:backend", Before: time.Now()}); err != nil {
			t.Fatal(err)
		}
		<-time.After(1000 * time.Hour)
		for i := range 2000 {
			if err := r.Revoke(t.Context(), access.Revocation{Subject: strconv.Itoa(i), Before: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if !r.Revoked(&access.Principal{Subject: "key:backend"}) {
			t.Error("the key is good again")
		}
	})
}
