// Package questionscontract is the contract of cluster.Questions, as tests.
package questionscontract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/cluster"
)

// Subject is what is tested: the nodes of a cluster by name, of which each sees the others.
type Subject struct {
	Nodes map[string]cluster.Questions
	// Away is the name of a node that is not there, and is not present either.
	Away string
}

func (s Subject) names() (names []string) {
	for name := range s.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Run tests the clusters that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, c := range []struct {
		sentence string
		test     func(*testing.T, Subject)
	}{
		{"W8 every node answers for itself, the asking one too", everyNode},
		{"W8 only the nodes that are named are asked", onlyNamed},
		{"W8 a node that fails, or knows no answer, is named", failing},
		{"W8 a node that is away is named", away},
		{"W8 a node that takes too long is named, and holds up no other answer", late},
		{"an answerer that is given later takes the place of the first", later},
		{"an ended context asks nobody", ended},
		{"concurrent callers get their own answers", concurrent},
	} {
		t.Run(c.sentence, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// answerAll has every node answer a topic with its name and the question.
func (s Subject) answerAll(topic string) {
	for name, node := range s.Nodes {
		cluster.Answer(node, topic, func(_ context.Context, question string) (string, error) { return name + ": " + question, nil })
	}
}

// want asks each node and compares what it gets.
func (s Subject) want(t *testing.T, topic string, want map[string]string, missing []string, nodes ...string) {
	t.Helper()
	for name, node := range s.Nodes {
		answers, gone, err := cluster.Ask[string, string](t.Context(), node, topic, "<ü>?", nodes...)
		if err != nil || !slices.Equal(gone, missing) {
			t.Errorf("%s: missing are %q, %v; want %q", name, gone, err, missing)
		}
		if diff := cmp.Diff(want, answers); diff != "" {
			t.Errorf("%s: answers (-want +got):\n%s", name, diff)
		}
	}
}

func everyNode(t *testing.T, s Subject) {
	s.answerAll("a topic")
	want := map[string]string{}
	for _, name := range s.names() {
		want[name] = name + ": <ü>?"
	}
	s.want(t, "a topic", want, nil)
}

func onlyNamed(t *testing.T, s Subject) {
	s.answerAll("topic")
	for _, name := range s.names() {
		s.want(t, "topic", map[string]string{name: name + ": <ü>?"}, nil, name, name)
	}
}

func failing(t *testing.T, s Subject) {
	s.want(t, "unknown", map[string]string{}, s.names())
	s.answerAll("topic")
	for i, name := range s.names() {
		if i == 0 {
			cluster.Answer(s.Nodes[name], "topic", func(context.Context, string) (string, error) { return "", errors.New("no") })
			s.want(t, "topic", map[string]string{}, []string{name}, name)
			cluster.Answer(s.Nodes[name], "topic", func(context.Context, string) (int, error) { return 1, nil })
			s.want(t, "topic", map[string]string{}, []string{name}, name) // no text
		}
	}
}

func away(t *testing.T, s Subject) {
	s.answerAll("topic")
	s.want(t, "topic", map[string]string{}, []string{s.Away}, s.Away)
	name := s.names()[0]
	s.want(t, "topic", map[string]string{name: name + ": <ü>?"}, []string{s.Away}, s.Away, name)
}

func late(t *testing.T, s Subject) {
	s.answerAll("topic")
	names, want := s.names(), map[string]string{}
	for _, name := range names[1:] {
		want[name] = name + ": <ü>?"
	}
	cluster.Answer(s.Nodes[names[0]], "topic", func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "too late", nil
	})
	s.want(t, "topic", want, names[:1])
}

func later(t *testing.T, s Subject) {
	name := s.names()[0]
	node := s.Nodes[name]
	for _, word := range []string{"one", "two"} {
		cluster.Answer(node, "topic", func(context.Context, string) (string, error) { return word, nil })
	}
	s.want(t, "topic", map[string]string{name: "two"}, nil, name)
}

func ended(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, node := range s.Nodes {
		node.Answer("topic", func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage("1"), nil })
		if answers, missing, err := node.Ask(ctx, "topic", json.RawMessage("1")); !errors.Is(err, context.Canceled) || answers != nil || missing != nil {
			t.Errorf("%s: %v, %q, %v; want the context's error", name, answers, missing, err)
		}
	}
}

func concurrent(t *testing.T, s Subject) {
	s.answerAll("topic")
	var all sync.WaitGroup
	for name, node := range s.Nodes {
		for i := range 8 {
			all.Go(func() {
				question := fmt.Sprintf("%s %d", name, i)
				answers, missing, err := cluster.Ask[string, string](t.Context(), node, "topic", question)
				if err != nil || len(missing) > 0 || answers[name] != name+": "+question {
					t.Errorf("%s: %q, %q, %v", question, answers, missing, err)
				}
			})
		}
	}
	all.Wait()
}
