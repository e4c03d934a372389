package mempending_test

import (
	"testing"

	"heliograph/adapters/outbound/mempending"
	"heliograph/test/contract/versionpendingcontract"
)

func TestPendingContract(t *testing.T) {
	t.Parallel()
	versionpendingcontract.Run(t, func(t *testing.T) versionpendingcontract.Subject {
		const bound = 8
		p, err := mempending.New(bound)
		if err != nil {
			t.Fatal(err)
		}
		return versionpendingcontract.Subject{Pending: p, Bound: bound}
	})
}

func TestABoundBelowOneIsAnError(t *testing.T) { // V3
	t.Parallel()
	for _, bound := range []int{0, -1} {
		if _, err := mempending.New(bound); err == nil {
			t.Errorf("New(%d): no error", bound)
		}
	}
}
