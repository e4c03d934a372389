package natsbroker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natsserver.Leaks()...) }

var silent = slog.New(slog.DiscardHandler)

// record is the size of a large record, in bytes.
const record = 900_000

// serving has the broker heal until the function is called.
func serving(t *testing.T, b *natsbroker.Broker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

func TestTheFolderIsForOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	first := brokertest.Open(t, natsbroker.Config{Dir: dir})
	if b, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: dir}, silent); err == nil {
		t.Errorf("a second one could open the folder: %v", b.Close())
	}
	if err := first.Check(); err != nil {
		t.Errorf("the first one: %v", err)
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Check(); !errors.Is(err, natsbroker.ErrDisconnected) {
		t.Errorf("after Close: %v, want ErrDisconnected", err)
	}
	brokertest.Open(t, natsbroker.Config{Dir: dir})
}

func TestAFolderThatIsReleasedInAMomentIsWaitedFor(t *testing.T) { // a process that was killed starts again
	dir := t.TempDir()
	first := brokertest.Open(t, natsbroker.Config{Dir: dir})
	released := false
	log := slog.New(onMessage{t, func(text string) {
		if strings.Contains(text, "in use by another process, trying again") {
			released = true
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		}
	}})
	second, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: dir}, log)
	if err != nil || !released {
		t.Fatalf("it was in use: %v, and then it could be opened: %v", released, err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// onMessage is a log that calls a function with each message and its attributes.
type onMessage struct {
	t *testing.T
	f func(text string)
}

func (onMessage) Enabled(context.Context, slog.Level) bool { return true }
func (o onMessage) WithAttrs([]slog.Attr) slog.Handler     { return o }
func (o onMessage) WithGroup(string) slog.Handler          { return o }

func (o onMessage) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	o.f(text)
	return nil
}

func TestAServerThatIsNotThereIsAnErrorWhenTheTimeIsOver(t *testing.T) {
	server := natsserver.Start(t)
	server.Away()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := natsbroker.Open(ctx, natsbroker.Config{URL: server.URL()}, silent); !errors.Is(err, nats.ErrNoServers) {
		t.Errorf("open: %v, want ErrNoServers", err)
	}
}

func TestAClusterWithoutALeaderIsNotReady(t *testing.T) {
	servers := natsserver.Cluster(t)
	b := brokertest.Open(t, natsbroker.Config{URL: servers[0].URL()})
	bucket, err := b.Bucket(t.Context(), "b", -1)
	if err != nil {
		t.Fatal(err)
	}
	servers[1].Away()
	servers[2].Away()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := bucket.Put(ctx, "k", nil); err == nil || !errors.Is(b.Check(), natsbroker.ErrNoAnswer) {
		t.Errorf("put: %v, check: %v", err, b.Check())
	}
	servers[1].Back(t)
	for err = b.Check(); err != nil; err = b.Check() {
		_, _ = bucket.Put(t.Context(), "k", nil)
	}
}

func TestAClusterThatStartsIsWaitedFor(t *testing.T) {
	servers := natsserver.Cluster(t)
	for _, s := range servers {
		s.Away()
	}
	opened := make(chan error)
	var replicas int
	go func() {
		b, err := natsbroker.Open(t.Context(), natsbroker.Config{URL: natsserver.URLs(servers), Name: "node-1"}, silent)
		if err != nil {
			opened <- err
			return
		}
		s, err := b.Stream(t.Context(), jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}, MaxMsgs: -1, MaxBytes: -1})
		if err == nil {
			replicas = s.CachedInfo().Config.Replicas
		}
		opened <- errors.Join(err, b.Close())
	}()
	for _, s := range servers { // one by one: two make a cluster, with too few servers
		s.Back(t)
	}
	if err := <-opened; err != nil || replicas != 3 {
		t.Errorf("%d replicas, want 3; %v", replicas, err)
	}
}

func TestBoundsOfAStreamThatIsThereAreBroughtUpToDate(t *testing.T) {
	b := brokertest.Open(t, natsbroker.Config{Dir: t.TempDir()})
	want := jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}, MaxBytes: 1 << 20, MaxMsgs: -1, Description: "first"}
	for _, bytes := range []int64{1 << 20, 1 << 21} {
		want.MaxBytes = bytes
		s, err := b.Stream(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if have := s.CachedInfo().Config; have.MaxBytes != bytes || have.Description != "first" {
			t.Errorf("the stream holds %d bytes, %q", have.MaxBytes, have.Description)
		}
		want.Description = "second" // which is the operator's to change
	}
}

func TestOneServerAloneHoldsEachRecordOnceAndAClusterThrice(t *testing.T) {
	want := jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}, MaxMsgs: -1, MaxBytes: -1}
	for urls, replicas := range map[string]int{
		natsserver.Start(t).URL():              1,
		natsserver.URLs(natsserver.Cluster(t)): 3,
	} {
		s, err := brokertest.Open(t, natsbroker.Config{URL: urls}).Stream(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.Replicas; got != replicas {
			t.Errorf("%d replicas, want %d", got, replicas)
		}
	}
}

func TestNodesThatStartAtOnceAllHaveTheBuckets(t *testing.T) {
	urls := natsserver.URLs(natsserver.Cluster(t))
	var starting sync.WaitGroup
	defer starting.Wait()
	for range 3 {
		b := brokertest.Open(t, natsbroker.Config{URL: urls})
		starting.Go(func() {
			for i := range 5 {
				bucket := fmt.Sprint("bucket-", i)
				kv, err := b.Bucket(t.Context(), bucket, -1)
				if err == nil {
					_, err = kv.Info(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestFollowEndsWithAnErrorOfItsHandler(t *testing.T) {
	b := brokertest.InProcess(t)
	if _, err := b.Stream(t.Context(), jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}, MaxMsgs: -1, MaxBytes: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JetStream().Publish(t.Context(), "s", nil); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := b.Follow(t.Context(), "s", jetstream.OrderedConsumerConfig{}, func(natsbroker.Message) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("follow: %v", err)
	}
}

func TestKeysAreLegalAndDiffer(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{""}, {"", ""}, {"a.b"}, {"a", "b"}, {"a=2Eb"}, {".."}, {"~"}, {"A"}, {"a"}, {"ü*> "}} {
		key := natsbroker.Key(parts...)
		if other, twice := seen[key]; twice {
			t.Errorf("%q and %q are both %s", parts, other, key)
		}
		seen[key] = parts
		if got, err := natsbroker.Parts(key); err != nil || !cmp.Equal(got, parts) {
			t.Errorf("%s is of %q, %v, want %q", key, got, err, parts)
		}
	}
}

func FuzzParts(f *testing.F) {
	for _, seed := range []string{"", "=", "a.b", "a=2Eb", "a%2Eb", "=zz", "a.", "=c3=bc", "=C3=BC"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		parts, err := natsbroker.Parts(key)
		if err == nil && natsbroker.Key(parts...) != key {
			t.Errorf("%q is of %q, which make %q", key, parts, natsbroker.Key(parts...))
		}
	})
}
