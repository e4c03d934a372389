package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/cluster"
	"heliograph/test/mocks"
)

func TestANodeWhoseAnswerCannotBeReadIsMissing(t *testing.T) { // W8
	t.Parallel()
	nodes := mocks.NewMockQuestions(gomock.NewController(t))
	said := map[string]json.RawMessage{"one": json.RawMessage("1"), "two": json.RawMessage(`"two"`)}
	nodes.EXPECT().Ask(gomock.Any(), "topic", json.RawMessage(`"?"`), "one", "two", "three").Return(said, []string{"three"}, nil)
	answers, missing, err := cluster.Ask[string, int](t.Context(), nodes, "topic", "?", "one", "two", "three")
	if err != nil || len(answers) != 1 || answers["one"] != 1 || !slices.Equal(missing, []string{"three", "two"}) {
		t.Errorf("%v, %q, %v", answers, missing, err)
	}
	failure := errors.New("no")
	nodes.EXPECT().Ask(gomock.Any(), "topic", gomock.Any()).Return(nil, nil, failure)
	if _, _, err := cluster.Ask[string, int](t.Context(), nodes, "topic", "?"); !errors.Is(err, failure) {
		t.Errorf("%v, want what the port says", err)
	}
}

func TestAQuestionThatCannotBeReadIsNotAnswered(t *testing.T) { // W8
	t.Parallel()
	nodes := mocks.NewMockQuestions(gomock.NewController(t))
	nodes.EXPECT().Answer("topic", gomock.Any()).Do(func(_ string, answer func(context.Context, json.RawMessage) (json.RawMessage, error)) {
		if text, err := answer(t.Context(), json.RawMessage(`"a"`)); err == nil {
			t.Errorf("answered is %s", text)
		}
		if text, err := answer(t.Context(), json.RawMessage(`20`)); err != nil || string(text) != "21" {
			t.Errorf("answered is %s, %v", text, err)
		}
	})
	cluster.Answer(nodes, "topic", func(_ context.Context, n int) (int, error) { return n + 1, nil })
}
