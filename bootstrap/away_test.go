package bootstrap_test

import (
	"net/http"
	"testing"

	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

func TestANodeStopsInOrderWhileNATSIsAway(t *testing.T) { // T15, G8
	server := natsserver.Start(t)
	s := node(t, server.URL(), "one", "SHUTDOWN_GRACE_PERIOD=2s")
	_, stream := s.stream(t, "me", "")
	server.Away()
	eventually(t, "the node notices it", func() bool {
		status, _ := get(t, s.url+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	if err := s.stop(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	<-stream.Done()
	items := stream.Items()
	if len(items) == 0 || items[len(items)-1].Kind != sseclient.KindRetry || !stream.EndedCleanly() {
		t.Errorf("the stream was not sent away: %+v", items)
	}
}
