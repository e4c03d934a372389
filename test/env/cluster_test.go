package env_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"heliograph/test/natsserver"
)

// packageRun is the tests of this package: what is made for all of them ends with
// the last one. It does what a testing.TB does for natsserver.
type packageRun struct {
	testing.TB
	*testing.M

	cleanups []func()
}

var tests packageRun

func TestMain(m *testing.M) {
	tests.M = m
	goleak.VerifyTestMain(&tests, natsserver.Leaks()...)
}

// Run implements goleak.TestingM.
func (p *packageRun) Run() int {
	code := p.M.Run()
	for i := range p.cleanups {
		p.cleanups[len(p.cleanups)-1-i]()
	}
	return code
}

func (p *packageRun) Helper() {}

func (p *packageRun) Context() context.Context { return context.Background() }

func (p *packageRun) Cleanup(f func())                { p.cleanups = append(p.cleanups, f) }
func (p *packageRun) Fatal(args ...any)               { panic(fmt.Sprint(args...)) }
func (p *packageRun) Fatalf(text string, args ...any) { panic(fmt.Sprintf(text, args...)) }

func (p *packageRun) TempDir() string {
	dir, err := os.MkdirTemp("", "env")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// servers are three NATS servers for all tests, one after the other.
var servers = sync.OnceValue(func() []*natsserver.Server { return natsserver.Cluster(&tests) })

// emptyCluster returns the URL of the servers, whose streams are empty.
func emptyCluster(t *testing.T) string {
	t.Helper()
	url := natsserver.URLs(servers())
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := empty(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	return url
}

// empty deletes the log, whose server would know events of an earlier test again, and
// empties the buckets: to make those anew takes longer.
func empty(ctx context.Context, js jetstream.JetStream) error {
	const log = "heliograph_events"
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // servers on a loaded machine may be electing a leader
	defer cancel()
	if err := js.DeleteStream(ctx, log); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if name == log {
			continue // a server may list it for a moment after it was deleted
		}
		stream, err := js.Stream(ctx, name)
		if err == nil {
			err = stream.Purge(ctx)
		}
		if err != nil {
			return fmt.Errorf("empty %s: %w", name, err)
		}
	}
	return names.Err()
}
