package memquestions_test

import (
	"log/slog"
	"testing"

	"heliograph/adapters/outbound/memquestions"
	"heliograph/domain/cluster"
	"heliograph/test/contract/questionscontract"
)

func TestQuestionsContract(t *testing.T) {
	t.Parallel()
	questionscontract.Run(t, func(*testing.T) questionscontract.Subject {
		one := memquestions.New("one", slog.New(slog.DiscardHandler))
		return questionscontract.Subject{Nodes: map[string]cluster.Questions{"one": one}, Away: "two"}
	})
}
