package memnodes_test

import (
	"crypto/rand"
	"testing"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/domain/cluster"
	"heliograph/test/contract/nodescontract"
)

func TestNodesContract(t *testing.T) {
	t.Parallel()
	nodescontract.Run(t, "one", func(*testing.T) cluster.Nodes { return memnodes.New(cluster.NewLife("one", rand.Text())) })
}
