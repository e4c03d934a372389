package natsquestions_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsquestions"
	"heliograph/domain/cluster"
	"heliograph/test/contract/questionscontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oneOfThree is a node of the three that are present.
type oneOfThree struct {
	cluster.Nodes

	self string
}

func (n oneOfThree) Self() cluster.Life { return cluster.NewLife(n.self, "a life of it") }

func (oneOfThree) Present() []string { return []string{"node 2.*", "one", "three"} }

// node returns the Questions of one of three nodes, which serve until the test ends.
func node(t *testing.T, broker *natsbroker.Broker, name string) *natsquestions.Questions {
	t.Helper()
	q, err := natsquestions.Open(broker, oneOfThree{self: name}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	serving.Go(func() {
		if err := q.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	return q
}

func TestQuestionsContract(t *testing.T) {
	questionscontract.Run(t, func(t *testing.T) questionscontract.Subject {
		broker := brokertest.InProcess(t)
		s := questionscontract.Subject{Nodes: map[string]cluster.Questions{}, Away: "four"}
		for _, name := range []string{"one", "node 2.*", "three"} {
			s.Nodes[name] = node(t, broker, name)
		}
		return s
	})
}

func TestANodeThatIsPresentAndSilentIsNamed(t *testing.T) { // W8
	broker := brokertest.InProcess(t)
	one := node(t, broker, "one")
	cluster.Answer(one, "topic", func(context.Context, int) (int, error) { return 1, nil })
	if _, missing, err := one.Ask(t.Context(), "topic", json.RawMessage("1")); err != nil || strings.Join(missing, ", ") != "node 2.*, three" {
		t.Errorf("missing are %q, %v", missing, err)
	}
}

func TestAnAnswerThatIsTooLargeIsNone(t *testing.T) {
	broker := brokertest.InProcess(t)
	one, two := node(t, broker, "one"), node(t, broker, "node 2.*")
	cluster.Answer(two, "topic", func(context.Context, int) (string, error) {
		return strings.Repeat("a", int(broker.Conn().MaxPayload())), nil
	})
	if _, missing, err := one.Ask(t.Context(), "topic", json.RawMessage("1"), "node 2.*"); err != nil || len(missing) != 1 {
		t.Errorf("missing are %q, %v", missing, err)
	}
}

func TestAQuestionThatCannotBeReadIsAnsweredAndCounted(t *testing.T) {
	broker := brokertest.InProcess(t)
	node(t, broker, "one")
	for _, text := range []string{"{", `{"format":2}`} {
		answer, err := broker.Conn().RequestWithContext(t.Context(), "heliograph.node.one.questions", []byte(text))
		if err != nil || !strings.Contains(string(answer.Data), `"error":"`) {
			t.Fatalf("%+v, %v; want an answer that says what is wrong", answer, err)
		}
	}
	if n := broker.Unreadable()["questions of other nodes"]; n != 2 {
		t.Errorf("counted are %d, want 2", n)
	}
}
