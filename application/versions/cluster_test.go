package versions_test

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memboard"
	"heliograph/adapters/outbound/mempending"
	"heliograph/adapters/outbound/mempublisher"
	"heliograph/application/versions"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/version"
	"heliograph/test/logs"
)

// site is one node of a test with several.
type site struct {
	*world

	leads atomic.Bool
}

func (s *site) Self() cluster.Life      { return "site/life" }
func (s *site) Alive(cluster.Life) bool { return true }
func (s *site) Present() []string       { return nil }
func (s *site) Alone() bool             { return false }
func (s *site) Leads() bool             { return s.leads.Load() }

// fan hands log events to every node, in order.
type fan []event.Receiver

func (f fan) Receive(ctx context.Context, rec event.Record) {
	for _, r := range f {
		r.Receive(ctx, rec)
	}
}

// sites returns nodes with one broker, one source and one board. The first leads.
func sites(t *testing.T, n int) []*site {
	t.Helper()
	board := memboard.New()
	return sitesOf(t, n, "e", board)
}

// sitesOf is sites with a board that is there already, and a log that begins anew:
// the nodes after the log has lost everything.
func sitesOf(t *testing.T, n int, epoch string, board version.Board) []*site {
	t.Helper()
	all := make([]*site, n)
	pending, err := mempending.New(10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var log fan
	states := make([]*versions.State, n)
	for i := range all {
		all[i] = &site{world: &world{source: newSource(), board: board, pending: pending, streams: newStreams(), logged: &logs.Logs{}}}
		states[i] = versions.NewState()
		log = append(log, states[i].Receiver(all[i].streams))
	}
	all[0].leads.Store(true)
	broker := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: epoch}}, log)
	for i, s := range all {
		s.source = all[0].source
		cfg := versions.Config{Confirmations: 2, PollInterval: time.Second, MaxEventBytes: 1 << 10}
		s.Service = versions.New(cfg, versions.Deps{
			State: states[i], Source: s.source, Pending: pending, Board: board, Nodes: s,
			Publisher: broker, Sender: s.streams, Log: slog.New(slog.NewTextHandler(s.logged, nil)),
		})
	}
	return all
}

// serveAll starts and serves all until the returned function is called.
func serveAll(t *testing.T, all []*site) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, len(all))
	for _, s := range slices.Backward(all) { // the leader, which broadcasts, starts when all others listen
		s.Start(ctx)
		go func() { done <- s.Serve(ctx) }()
		synctest.Wait()
	}
	return func() {
		cancel()
		for range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOneNodeAsksTheSourceAndAllNodesLearnTheVersion(t *testing.T) { // V1, V8
	synctest.Test(t, func(t *testing.T) {
		all := sites(t, 3)
		all[0].source.say(parse(t, "1"))
		stop := serveAll(t, all)
		for _, s := range all {
			if got := s.connect(t, "a", "token"); !slices.Equal(got, []string{"1"}) {
				t.Errorf("a client got %q", got)
			}
		}
		asked := all[0].source.count()
		<-time.After(10*time.Second + 1)
		synctest.Wait()
		if got := all[0].source.count() - asked; got != 10 {
			t.Errorf("the source was asked %d times in ten intervals", got)
		}
		stop()
	})
}

func TestAnotherNodeTakesOverAndConfirmsAnew(t *testing.T) { // V8
	synctest.Test(t, func(t *testing.T) {
		all := sites(t, 2)
		all[0].source.say(parse(t, "1"))
		stop := serveAll(t, all)
		for _, s := range all {
			s.connect(t, "a", "token")
		}
		all[0].leads.Store(false)
		all[1].leads.Store(true)
		all[0].source.say(parse(t, "2"))
		<-time.After(time.Second + 1)
		synctest.Wait()
		if got := all[1].streams.got("token"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("after one answer: %q", got)
		}
		<-time.After(time.Second)
		synctest.Wait()
		for _, s := range all {
			if got := s.streams.got("token"); !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("a client got %q", got)
			}
		}
		stop()
	})
}

func TestTheFirstAnswerAfterARestartCountsAtOnceAndTheSameIsNotBroadcastAgain(t *testing.T) { // V8
	synctest.Test(t, func(t *testing.T) {
		all := sites(t, 2)
		all[0].source.say(parse(t, "1"))
		first := serveAll(t, all[:1])
		first()
		all[0].leads.Store(false)
		all[1].leads.Store(true)
		all[1].streams.attach("token")
		again := serveAll(t, all[1:])
		if got := all[1].streams.got("token"); len(got) != 0 {
			t.Errorf("the same version was broadcast again: %q", got)
		}
		again()
	})
}

func TestVersionThatAnotherNodeAnnouncedIsNotFollowedByAnOlderOne(t *testing.T) { // V1, V2
	synctest.Test(t, func(t *testing.T) {
		all := sites(t, 2)
		all[0].source.say(parse(t, "1"))
		stop := serveAll(t, all)
		if err := all[0].Announce(t.Context(), "a", parse(t, "2")); err != nil {
			t.Fatal(err)
		}
		if got := all[1].connect(t, "a", "token"); !slices.Equal(got, []string{"2"}) {
			t.Errorf("a client of the other node got %q", got)
		}
		if got := all[1].connect(t, "b", "other"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("another client got %q", got)
		}
		stop()
	})
}
