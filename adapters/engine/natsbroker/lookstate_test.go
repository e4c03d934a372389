package natsbroker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/natsserver"
)

var anyStream = jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}, MaxMsgs: -1, MaxBytes: -1}

func TestALostMajorityIsNoticedThoughNothingIsWritten(t *testing.T) { // 22
	servers := natsserver.Cluster(t)
	b := brokertest.Open(t, natsbroker.Config{URL: natsserver.URLs(servers)})
	for _, name := range []string{"s1", "s2", "s3"} {
		cfg := anyStream
		cfg.Name, cfg.Subjects = name, []string{name}
		if _, err := b.Stream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	defer serving(t, b)()
	until(t, b, func(err error) bool { return err == nil })
	servers[1].Away()
	servers[2].Away()
	begin := time.Now()
	until(t, b, func(err error) bool {
		return errors.Is(err, natsbroker.ErrNoAnswer) || errors.Is(err, natsbroker.ErrLeaderUncertain)
	})
	t.Logf("noticed after %s: %v", time.Since(begin), b.Check())
	servers[1].Back(t)
	until(t, b, func(err error) bool { return err == nil })
}

func TestASealedStreamIsNoticed(t *testing.T) { // 36
	b := brokertest.Open(t, natsbroker.Config{Dir: t.TempDir()})
	s, err := b.Stream(t.Context(), anyStream)
	if err != nil {
		t.Fatal(err)
	}
	defer serving(t, b)()
	sealed := s.CachedInfo().Config
	sealed.Sealed = true
	if _, err := b.JetStream().UpdateStream(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	until(t, b, func(err error) bool { return errors.Is(err, natsbroker.ErrSealed) })
}

func TestAFolderThatIsDeletedWhileItIsInUseIsNoticed(t *testing.T) { // 36
	for name, path := range map[string]string{"all of it": "", "that of a stream": "jetstream/$G/streams/s"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := brokertest.Open(t, natsbroker.Config{Dir: dir})
			if _, err := b.Stream(t.Context(), anyStream); err != nil {
				t.Fatal(err)
			}
			if err := b.CheckStreams(t.Context()); err != nil || b.Check() != nil {
				t.Errorf("it is there: %v, %v", err, b.Check())
			}
			defer serving(t, b)()
			if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
			until(t, b, func(err error) bool { return errors.Is(err, natsbroker.ErrFolderDeleted) })
		})
	}
}

func TestServersWithoutStorageSayDisk(t *testing.T) { // 29: a cluster has bounds of its own
	server := natsserver.Start(t)
	server.Away()
	server.MaxStore(10 * record)
	server.Back(t)
	b := brokertest.Open(t, natsbroker.Config{URL: server.URL()})
	kv, err := b.Bucket(t.Context(), "b", -1)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil && n < 20; n++ {
		_, err = kv.Create(t.Context(), fmt.Sprint("k", n), make([]byte, record))
	}
	if err == nil || !errors.Is(b.Check(), natsbroker.ErrStorage) || !strings.Contains(b.Check().Error(), "disk") {
		t.Errorf("create: %v, check: %v", err, b.Check())
	}
}
