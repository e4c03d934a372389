package memoutput_test

import (
	"log/slog"
	"testing"

	"heliograph/adapters/outbound/memoutput"
	"heliograph/domain/output"
	"heliograph/test/contract/outputcontract"
)

func TestStoreContract(t *testing.T) {
	outputcontract.Run(t, func(*testing.T) outputcontract.Subject {
		const total = 10 * 2 * output.MinTail
		s := memoutput.New(memoutput.Config{Tail: output.MinTail, Total: total}, slog.New(slog.DiscardHandler))
		return outputcontract.Subject{Store: s, Other: s, Tail: output.MinTail, Total: total}
	})
}
