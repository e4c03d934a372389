package natspublisher_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/test/natsserver"
)

func TestInAClusterThatLosesAServerAllNodesGetTheSameOnce(t *testing.T) { // E7, G2
	const each = 50
	servers := natsserver.Cluster(t)
	var nodes [2]*node
	for i := range nodes {
		nodes[i] = serve(t, brokertest.Open(t, natsbroker.Config{URL: natsserver.URLs(servers)}), natspublisher.LogConfig{})
	}
	var publishing sync.WaitGroup
	half := make(chan struct{}, len(nodes))
	for i, n := range nodes {
		publishing.Go(func() {
			for order := range uint64(each) {
				n.publish(numbered(fmt.Sprintf("task/%d", i), order+1))
				if order == each/2 {
					half <- struct{}{}
				}
			}
		})
	}
	<-half
	servers[0].Away()
	publishing.Wait()

	got := nodes[0].received()
	if len(got) != len(nodes)*each {
		t.Errorf("%d events were received, want %d", len(got), len(nodes)*each)
	}
	if diff := cmp.Diff(got, nodes[1].received()); diff != "" {
		t.Errorf("the nodes differ:\n%s", diff)
	}
}
