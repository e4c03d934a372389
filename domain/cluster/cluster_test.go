package cluster_test

import (
	"testing"

	"heliograph/domain/cluster"
)

func TestLifeKnowsItsNode(t *testing.T) {
	t.Parallel()
	for life, want := range map[cluster.Life]string{
		cluster.NewLife("one", "abc"): "one", cluster.NewLife("a/b", "abc"): "a/b", "": "", "x": "",
	} {
		if got := life.Node(); got != want {
			t.Errorf("the node of %q is %q, want %q", life, got, want)
		}
	}
}
