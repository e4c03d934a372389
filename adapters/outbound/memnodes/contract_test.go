package memnodes_test

import (
	"crypto/rand"
	"testing"
	"time"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/domain/cluster"
	"heliograph/test/contract/nodescontract"
)

func TestNodesContract(t *testing.T) {
	t.Parallel()
	nodescontract.Run(t, func(*testing.T) nodescontract.Subject {
		return nodescontract.Subject{Join: func(_ *testing.T, name string) nodescontract.Node {
			return nodescontract.Node{Nodes: memnodes.New(cluster.NewLife(name, rand.Text())), Roll: memnodes.NewRoll(cluster.Identity{Node: name, Version: "1.2", Started: time.Now()})}
		}}
	}, nodescontract.OneNode("it is the cluster of one node"))
}

func TestTheOnlyNodeIsAlone(t *testing.T) {
	t.Parallel()
	if !memnodes.New(cluster.NewLife("one", rand.Text())).Alone() {
		t.Error("it says that there may be others")
	}
}
