// Package memquestions implements cluster.Questions for a node that is alone.
package memquestions

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"

	"heliograph/adapters/internal/answerers"
	"heliograph/domain/cluster"
)

// Questions asks the one node that there is. It is safe for concurrent use.
type Questions struct {
	answerers.Set

	node string
	log  *slog.Logger
}

var _ cluster.Questions = (*Questions)(nil)

// New returns the Questions of the node of that name.
func New(node string, log *slog.Logger) *Questions {
	return &Questions{node: node, log: log}
}

// Ask implements cluster.Questions. Every other node is missing.
func (q *Questions) Ask(ctx context.Context, topic string, question json.RawMessage, nodes ...string) (map[string]json.RawMessage, []string, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	missing := slices.DeleteFunc(slices.Sorted(slices.Values(nodes)), func(node string) bool { return node == q.node })
	answers := map[string]json.RawMessage{}
	if len(nodes) > 0 && len(missing) == len(nodes) {
		return answers, missing, nil
	}
	text, err := q.Set.Ask(ctx, topic, question)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		q.log.WarnContext(ctx, "a question about this node has no answer", slog.String("topic", topic), slog.Any("error", err))
		missing = append(missing, q.node)
		slices.Sort(missing)
	default:
		answers[q.node] = text
	}
	return answers, missing, nil
}
