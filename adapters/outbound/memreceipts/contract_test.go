package memreceipts_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memreceipts"
	"heliograph/domain/appevent"
	"heliograph/test/contract/receiptscontract"
)

func TestReceiptsContract(t *testing.T) {
	receiptscontract.Run(t, func(_ *testing.T, keep time.Duration) receiptscontract.Subject {
		r := memreceipts.New(keep)
		return receiptscontract.Subject{Receipts: r, Other: r}
	})
}

func claim(t *testing.T, r *memreceipts.Receipts, text string) appevent.Claim {
	t.Helper()
	c, err := r.Claim(t.Context(), appevent.Key{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func settle(t *testing.T, r *memreceipts.Receipts, text string, c appevent.Claim) {
	t.Helper()
	if err := r.Settle(t.Context(), appevent.Key{Text: text}, c, appevent.Receipt{Delivered: true}); err != nil {
		t.Fatal(err)
	}
}

// pass lets so much time of a synctest bubble pass.
func pass(d time.Duration) { <-time.After(d) }

func TestAKeyCountsForItsTimeAfterTheReceipt(t *testing.T) { // E11
	synctest.Test(t, func(t *testing.T) {
		r := memreceipts.New(appevent.KeyTime)
		c := claim(t, r, "a")
		pass(time.Minute)
		settle(t, r, "a", c)
		pass(appevent.KeyTime)
		if got := claim(t, r, "a"); got.Receipt == nil {
			t.Errorf("after two minutes it is %+v", got)
		}
		pass(time.Nanosecond)
		if got := claim(t, r, "a"); got.Receipt != nil || got.Repeated {
			t.Errorf("after more than two minutes it is %+v", got)
		}
	})
}

func TestOneWhoWaitsGetsTheReceiptAtOnceOrTheClaimThatWasDropped(t *testing.T) { // E11
	synctest.Test(t, func(t *testing.T) {
		r := memreceipts.New(appevent.KeyTime)
		begun := time.Now()
		for _, text := range []string{"settled", "dropped"} {
			c := claim(t, r, text)
			waiting := make(chan appevent.Claim)
			go func() { waiting <- claim(t, r, text) }()
			synctest.Wait()
			if text == "settled" {
				settle(t, r, text, c)
			} else if err := r.Drop(t.Context(), appevent.Key{Text: text}, c); err != nil {
				t.Error(err)
			}
			if got := <-waiting; got.Repeated || (got.Receipt != nil) != (text == "settled") {
				t.Errorf("%s: %+v", text, got)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("they waited for %s", took)
		}
		claim(t, r, "left")
		if got := claim(t, r, "left"); !got.Repeated || time.Since(begun) != 3*time.Second {
			t.Errorf("after %s it is %+v", time.Since(begun), got)
		}
	})
}

func TestTheOldestKeysGoFirst(t *testing.T) { // E11
	t.Parallel()
	r := memreceipts.New(time.Hour)
	r.SetLimit(3)
	for i := range 4 {
		text := fmt.Sprint(i)
		settle(t, r, text, claim(t, r, text))
	}
	if c := claim(t, r, "1"); c.Receipt == nil { // which a look does not change
		t.Error("one of the newest three is forgotten")
	}
	if c := claim(t, r, "0"); c.Receipt != nil {
		t.Error("the oldest is still there")
	}
}
