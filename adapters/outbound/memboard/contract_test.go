package memboard_test

import (
	"testing"

	"heliograph/adapters/outbound/memboard"
	"heliograph/domain/version"
	"heliograph/test/contract/versionboardcontract"
)

func TestBoardContract(t *testing.T) {
	t.Parallel()
	versionboardcontract.Run(t, func(*testing.T) version.Board { return memboard.New() })
}
