package bootstrap_test

import (
	"net/http"
	"strings"
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

func TestANodeWhoseCredentialsAreRefusedForAMomentKeepsItsStreams(t *testing.T) { // 31
	server := natsserver.Start(t)
	restart := func(password string) {
		server.Away()
		server.Password(password)
		server.Back(t)
	}
	restart("old")
	s := node(t, strings.Replace(server.URL(), "//", "//node:old@", 1), "one")
	_, stream := s.stream(t, "me", "")
	restart("new")
	eventually(t, "the node says why it is not ready", func() bool {
		status, body := get(t, s.url+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "authorization")
	})
	restart("old")
	eventually(t, "the node is ready again", func() bool {
		status, _ := get(t, s.url+"/readyz")
		return status == http.StatusOK
	})
	s.announce(t, `{"version":"1"}`)
	wait(t, stream, "version", `"1"`) // on the stream that was open all the time
	stream.Close()
	s.end(t)
}
