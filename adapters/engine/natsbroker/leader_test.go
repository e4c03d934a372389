package natsbroker_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
)

func TestALeaderWithoutAQuorumIsNotAskedWhatIsNewest(t *testing.T) { // G3
	near, far := &jetstream.PeerInfo{Active: time.Second}, &jetstream.PeerInfo{Active: 5 * time.Second}
	offline := &jetstream.PeerInfo{Active: time.Second, Offline: true}
	for name, c := range map[string]struct {
		cluster *jetstream.ClusterInfo
		leads   bool
	}{
		"a server that is alone":         {nil, true},
		"one replica":                    {&jetstream.ClusterInfo{}, true},
		"one of two others is near":      {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, far}}, true},
		"it was paused or cut off":       {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{far, far}}, false},
		"the others are known to be off": {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{offline, far}}, false},
		"one of four others is near":     {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, far, far, far}}, false},
	} {
		if err := natsbroker.CheckLeader(c.cluster); (err == nil) != c.leads {
			t.Errorf("%s: %v", name, err)
		}
	}
}
