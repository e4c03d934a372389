package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

//go:generate go tool mockgen -typed -source=questions.go -destination=../../test/mocks/questions.go -package=mocks

// Questions is the driven port by which a node asks the nodes of the cluster what
// only they know, such as which streams they hold. It is for what people ask, not for
// what is on the way of an event: every node answers for itself. It is safe for concurrent use.
type Questions interface {
	// Ask puts a question to the nodes of these names, or with none to all that are
	// present, and to this one. It returns what each has answered by its name, and the names, sorted, of
	// those that did not: they are away, took longer than a second, failed, or are of a
	// version that does not know the topic. Errors: ctx.Err(); then there are no answers.
	Ask(ctx context.Context, topic string, question json.RawMessage, nodes ...string) (answers map[string]json.RawMessage, missing []string, err error)
	// Answer has answer called with the questions that have that topic, also with this
	// node's own, from several goroutines at once. Its context ends with the time that there is. An error leaves the
	// question without an answer. A topic has one answerer; one that is given later takes its place.
	Answer(topic string, answer func(ctx context.Context, question json.RawMessage) (json.RawMessage, error))
}

// Ask asks a question of one type and reads the answers as another. A node whose answer
// cannot be read is among the missing. Errors: those of Questions.Ask, and a question that is no JSON.
func Ask[Q, A any](ctx context.Context, by Questions, topic string, question Q, nodes ...string) (answers map[string]A, missing []string, err error) {
	text, err := json.Marshal(question)
	if err != nil {
		return nil, nil, fmt.Errorf("ask nodes for %s: %w", topic, err)
	}
	texts, missing, err := by.Ask(ctx, topic, text, nodes...)
	if err != nil {
		return nil, nil, fmt.Errorf("ask nodes for %s: %w", topic, err)
	}
	answers = make(map[string]A, len(texts))
	for node, text := range texts {
		var answer A
		if json.Unmarshal(text, &answer) != nil {
			missing = append(missing, node)
			continue
		}
		answers[node] = answer
	}
	slices.Sort(missing)
	return answers, missing, nil
}

// Answer has answer called with the questions of a topic, as Questions.Answer says, which
// are of one type as its answers are of another.
func Answer[Q, A any](by Questions, topic string, answer func(context.Context, Q) (A, error)) {
	by.Answer(topic, func(ctx context.Context, text json.RawMessage) (json.RawMessage, error) {
		var question Q
		if err := json.Unmarshal(text, &question); err != nil {
			return nil, fmt.Errorf("question about %s: %w", topic, err)
		}
		a, err := answer(ctx, question)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	})
}
