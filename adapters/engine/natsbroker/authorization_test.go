package natsbroker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/natsserver"
)

func TestCredentialsThatAreRefusedForAMomentAreTriedAgain(t *testing.T) { // 31: they are being exchanged
	server := natsserver.Start(t)
	server.Away()
	server.Password("old")
	server.Back(t)
	b := brokertest.Open(t, natsbroker.Config{URL: strings.Replace(server.URL(), "//", "//node:old@", 1)})
	server.Away()
	server.Password("new")
	server.Back(t)
	until(t, b, func(err error) bool { return errors.Is(err, natsbroker.ErrAuthorization) })
	if err := b.Check(); !errors.Is(err, natsbroker.ErrDisconnected) || !strings.Contains(err.Error(), "authorization") {
		t.Errorf("while they are refused: %v", err)
	}
	for range 3 { // the client library gives up after the same refusal twice, unless configured otherwise
		natsbroker.Pause(t.Context(), 300*time.Millisecond)
		if b.Conn().IsClosed() {
			t.Fatal("the connection was given up")
		}
	}
	server.Away()
	server.Password("old")
	server.Back(t)
	until(t, b, func(err error) bool { return err == nil })
}

// until waits for a state of the broker.
func until(t *testing.T, b *natsbroker.Broker, is func(error) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(b.Check()); natsbroker.Pause(t.Context(), 10*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the broker says %v", b.Check())
		}
	}
}

func TestACertificateOfItsOwnIsShownToServersThatAskForOne(t *testing.T) { // 28
	server := natsserver.Start(t)
	server.Away()
	files := server.TLS(t)
	server.Back(t)
	url := strings.Replace(server.URL(), "nats:", "tls:", 1)
	b := brokertest.Open(t, natsbroker.Config{URL: url, CA: files.CA, Cert: files.Cert, Key: files.Key})
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	if b, err := natsbroker.Open(t.Context(), natsbroker.Config{URL: url, CA: natsserver.CertificateFiles(t).CA}, silent); err == nil {
		t.Errorf("a server of another CA was taken: %v", b.Close())
	}
}
