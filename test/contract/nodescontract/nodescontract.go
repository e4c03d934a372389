// Package nodescontract is the contract of cluster.Nodes, as tests.
package nodescontract

import (
	"slices"
	"testing"

	"heliograph/domain/cluster"
)

// Run tests the nodes that fresh makes, a new one each time: nobody else is in the
// cluster, and the node is called name.
func Run(t *testing.T, name string, fresh func(t *testing.T) cluster.Nodes) {
	t.Run("this life has the node's name and goes on", func(t *testing.T) {
		n := fresh(t)
		if n.Self().Node() != name || !n.Alive(n.Self()) {
			t.Errorf("%q of %q is alive: %t", n.Self(), n.Self().Node(), n.Alive(n.Self()))
		}
	})
	t.Run("this life is not that of the start before", func(t *testing.T) {
		if one, two := fresh(t), fresh(t); one.Self() == two.Self() || two.Alive(one.Self()) {
			t.Errorf("%q and then %q, alive: %t", one.Self(), two.Self(), two.Alive(one.Self()))
		}
	})
	t.Run("no other life goes on", func(t *testing.T) {
		n := fresh(t)
		for _, life := range []cluster.Life{"", "x", "other/1", cluster.NewLife(name, "other")} {
			if n.Alive(life) {
				t.Errorf("%q is alive", life)
			}
		}
		if got := n.Present(); !slices.Equal(got, []string{name}) {
			t.Errorf("present are %q", got)
		}
	})
	t.Run("who is alone leads", func(t *testing.T) {
		if !fresh(t).Leads() {
			t.Error("nobody leads")
		}
	})
}
