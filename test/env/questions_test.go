package env_test

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/cluster"
	"heliograph/test/contract/questionscontract"
)

func TestQuestions(t *testing.T) {
	in(t, oneNode, func(t *testing.T, e environment) {
		questionscontract.Run(t, func(t *testing.T) questionscontract.Subject {
			var cfg bootstrap.Config
			var one cluster.Questions
			e.build(t, nil, &one, &cfg)
			return questionscontract.Subject{Nodes: map[string]cluster.Questions{cfg.NodeName: one}, Away: "away"}
		})
	})
	in(t, withCluster, func(t *testing.T, e environment) {
		questionscontract.Run(t, e.askingNodes)
	})
}

// askingNodes are two nodes that know each other.
func (e environment) askingNodes(t *testing.T) questionscontract.Subject {
	t.Helper()
	s := questionscontract.Subject{Nodes: map[string]cluster.Questions{}, Away: "node-3"}
	cfg := e.config(t, nil)
	names := []string{"node-1", "node-2"}
	var all []cluster.Nodes
	for _, name := range names {
		cfg.NodeName = name
		var nodes cluster.Nodes
		var questions cluster.Questions
		app, err := bootstrap.New(t.Context(), cfg, silent, fx.Populate(&nodes, &questions))
		if err != nil {
			t.Fatal(err)
		}
		start(t, app)
		s.Nodes[name] = questions
		all = append(all, nodes)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, n := range all {
		for !slices.Equal(n.Present(), names) {
			<-tick.C
		}
	}
	return s
}
