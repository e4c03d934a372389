package mempending_test

import (
	"testing"

	"heliograph/adapters/outbound/mempending"
	"heliograph/test/contract/versionpendingcontract"
)

func TestPendingContract(t *testing.T) {
	t.Parallel()
	versionpendingcontract.Run(t, func(t *testing.T) versionpendingcontract.Subject {
		const bound, bytes = 64, 100 << 10
		p, err := mempending.New(bound, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return versionpendingcontract.Subject{Pending: p, Bound: bound, Bytes: bytes}
	})
}

func TestABoundBelowOneIsAnError(t *testing.T) { // V3
	t.Parallel()
	for _, bounds := range [][2]int{{0, 1}, {-1, 1}, {1, 0}, {1, -1}} {
		if _, err := mempending.New(bounds[0], bounds[1]); err == nil {
			t.Errorf("New(%d, %d): no error", bounds[0], bounds[1])
		}
	}
}
