package ssegateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/enginetest"
)

// publishTo publishes log events for the streams of some tokens, which must all get them.
func (b *bench) publishTo(tokens []connection.Token, seqs ...int) {
	b.t.Helper()
	for _, seq := range seqs {
		b.publishRawTo(tokens, n(seq))
	}
}

func (b *bench) publishRawTo(tokens []connection.Token, r wire.Raw) {
	b.t.Helper()
	if delivered, unknown, err := b.PublishTo(tokens, b.frame(r)); delivered != len(tokens) || len(unknown) > 0 || err != nil {
		b.t.Errorf("%+v for %q: delivered to %d, unknown %q, %v", r, tokens, delivered, unknown, err)
	}
}

// What is published for some streams has its place between what is published for all, and
// reaches each stream once, however often and late a backend repeats it.
func TestEventForSomeStreamsKeepsItsPlace(t *testing.T) { // A12, E7, G2
	t.Parallel()
	only := []connection.Token{"t"}
	for name, test := range map[string]struct {
		before      []int
		lastEventID string
		pending     func(b *bench)
		open        func(b *bench)
		want        []string
	}{
		"on an open stream": {
			open: func(b *bench) {
				b.broadcastAll(1, 1)
				b.publishTo(only, 2)
				b.broadcastAll(1, 3)
				b.push("t", snapshotAt(3), false)
				b.publishTo(only, 4)
			},
			want: append(append(got(1, 2, 3), "e-3 snapshot s"), got(4)...),
		},
		"repeated": {
			open: func(b *bench) {
				b.broadcastAll(1, 1)
				b.publishTo(only, 2, 2)
				b.broadcastAll(1, 1, 3)
				b.publishTo(only, 4, 2, 4)
			},
			want: got(1, 2, 3, 4),
		},
		"before the stream is open": {
			before:      []int{1, 2},
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.broadcastAll(1, 3)
				b.publishTo(only, 4)
				b.broadcastAll(1, 5)
				b.publishTo(only, 6, 4)
			},
			open: func(b *bench) { b.publishTo(only, 6, 7) },
			want: got(2, 3, 4, 5, 6, 7),
		},
		"behind what the client missed": {
			before:      []int{2, 4},
			lastEventID: "e-1",
			pending: func(b *bench) {
				for seq := 2; seq <= 5; seq++ { // 3 and 5 were for some streams
					r := n(seq)
					r.Replay = true
					b.push("t", r, true)
				}
				b.broadcastAll(1, 6)
				b.publishTo(only, 7)
				b.broadcastAll(1, 8)
			},
			open: func(b *bench) { b.publishTo(only, 9) },
			want: got(2, 3, 4, 5, 6, 7, 8, 9),
		},
		"that the client has got": {
			lastEventID: "e-5",
			pending:     func(b *bench) { b.publishTo(only, 4, 5, 6) },
			want:        got(6),
		},
		"from a node that is behind": {
			open: func(b *bench) {
				b.broadcastAll(1, 1, 3)
				b.publishTo(only, 2)
			},
			want: append(got(1, 3), "e-3 n 2"), // or a client that comes back with the ID would get 3 again
		},
		"without IDs": {
			open: func(b *bench) {
				b.publishRawTo(only, raw("", "n", "a"))
				b.publishRawTo(only, raw("", "n", "a"))
			},
			want: []string{"n a", "n a"},
		},
		"of IDs that cannot be compared": {
			open: func(b *bench) {
				for _, id := range []string{"x", "x", "y", "x"} {
					b.publishRawTo(only, raw(id, "n", id))
				}
			},
			want: []string{"x n x", "y n y", "x n x"},
		},
		"a control event": {
			open: func(b *bench) {
				b.publishRawTo(only, raw("e-1", "stream_reset", "r"))
				b.publishTo(only, 1)
			},
			want: append([]string{"e-1 stream_reset r"}, got(1)...),
		},
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, sse.Config{Shards: shards})
				b.broadcastAll(0, test.before...)
				s := b.pending("t", test.lastEventID)
				if test.pending != nil {
					test.pending(b)
				}
				s.Open()
				c := b.engine.Open(s.Stream)
				if test.open != nil {
					test.open(b)
				}
				wantAll(t, b.finish(c, "t"), test.want...)
			})
		}
	}
}

func TestEventForSomeStreamsReachesNoOther(t *testing.T) { // A12
	t.Parallel()
	b := newBench(t, sse.Config{PrivateBytes: 1000})
	full := b.engine.Stuck(b.open("full"))
	var err error
	for n := 0; err == nil && n < 1<<20; n += 100 { // the socket's buffers take some
		_, err = b.Push("full", b.frame(raw("", "n", strings.Repeat("x", 90))), false)
	}
	if !errors.Is(err, gateway.ErrStreamFull) {
		t.Fatalf("push: %v, want ErrStreamFull", err)
	}
	<-full.Reason
	clients := map[connection.Token]*enginetest.Client{}
	for i := range 4 {
		token := connection.Token(fmt.Sprint("t", i))
		clients[token] = b.engine.Open(b.open(token))
	}
	delivered, unknown, err := b.PublishTo([]connection.Token{"t0", "gone", "t2", "full"}, b.frame(n(1)))
	if delivered != 2 || !slices.Equal(unknown, []connection.Token{"gone", "full"}) || err != nil {
		t.Errorf("delivered to %d, unknown %q, %v; want 2 and those that are gone", delivered, unknown, err)
	}
	if delivered, unknown, err := b.PublishTo(nil, b.frame(n(2))); delivered != 0 || len(unknown) > 0 || err != nil {
		t.Errorf("for nobody: %d, %q, %v", delivered, unknown, err)
	}
	for token, want := range map[connection.Token][]string{"t0": got(1), "t1": nil, "t2": got(1), "t3": nil} {
		wantAll(t, b.finish(clients[token], token), want...)
	}
}

func TestPublishToAfterTheEndIsRefused(t *testing.T) {
	t.Parallel()
	engine := sse.New(sse.Config{HistoryBytes: 1 << 16}, unmeasured{})
	g := ssegateway.New(engine)
	frame, err := g.Frame(n(1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = engine.Serve(ctx)
	if _, _, err := g.PublishTo([]connection.Token{"t"}, frame); !errors.Is(err, gateway.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}
