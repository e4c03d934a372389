package natspublisher_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/domain/event"
	"heliograph/test/natsserver"
)

// A flood from many callers goes on while the server is restarted twice. What each
// was returned is what the log has: each event once, and those of one caller in turn.
func TestAFloodWhileTheServerIsRestartedLosesAndDoublesNothing(t *testing.T) { // E7, T11
	const callers, each = 8, 100
	server := natsserver.Start(t)
	n := serve(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), natspublisher.LogConfig{})
	returned := make([][]event.ID, callers)
	reached := make(chan struct{}, 2*callers)
	var publishing sync.WaitGroup
	for caller := range callers {
		publishing.Go(func() {
			topic := fmt.Sprintf("task/%d", caller)
			for order := range uint64(each) {
				ev := numbered(topic, order+1)
				if caller == 0 { // a topic without numbers, as that of versions
					ev.Order = 0
				}
				returned[caller] = append(returned[caller], n.publish(ev))
				if (order+1)%(each/4) == 0 && order < each/2 {
					reached <- struct{}{}
				}
			}
		})
	}
	for range 2 {
		for range callers {
			<-reached
		}
		server.Away()
		server.Back(t)
	}
	publishing.Wait()

	received := make([][]event.ID, callers)
	for _, rec := range n.received() {
		var caller int
		if _, err := fmt.Sscanf(rec.Event.Topic, "task/%d", &caller); err != nil {
			t.Fatal(err)
		}
		received[caller] = append(received[caller], rec.ID)
		if want := fmt.Sprint(len(received[caller])); string(rec.Event.Data) != want {
			t.Errorf("%s: event %s came as number %s", rec.Event.Topic, rec.Event.Data, want)
		}
	}
	if diff := cmp.Diff(returned, received); diff != "" {
		t.Errorf("received (-returned +got):\n%s", diff)
	}
	if all := slices.Concat(received...); len(all) != callers*each {
		t.Errorf("%d events, want %d", len(all), callers*each)
	}
}

func TestManyAtOnceOnATopicWithoutNumbersAskTheServerOnceEach(t *testing.T) {
	const callers, few = 100, 20
	server := natsserver.Start(t)
	broker := brokertest.Open(t, natsbroker.Config{URL: server.URL()})
	n := serve(t, broker, natspublisher.LogConfig{})
	ev := numbered("version", 1)
	ev.Order = 0
	n.publish(ev)
	conn := broker.JetStream().Conn()
	before := conn.Stats().OutMsgs
	var publishing sync.WaitGroup
	for range callers {
		publishing.Go(func() { n.publish(ev) })
	}
	publishing.Wait()
	if asked := conn.Stats().OutMsgs - before; asked > callers+few {
		t.Errorf("%d publishes took %d requests", callers, asked)
	}
}
