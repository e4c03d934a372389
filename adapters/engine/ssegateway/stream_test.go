package ssegateway_test

import (
	"fmt"
	"slices"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/test/enginetest"
)

// Several nodes of a backend push to one gateway, some later than others, and a
// gateway that was restarted gets again what its predecessor had accepted: a client that
// comes back with the last ID that it was given still gets each event once.
// visit is one client's stream, and what it must get.
type visit struct {
	before      []int          // in the log when the client comes
	lastEventID string         // which it brings
	pending     func(b *bench) // what happens until the backend accepts it; nil is nothing
	open        func(b *bench) // and what does then; nil is nothing
	want        []string
}

func (v visit) run(t *testing.T, shards int) {
	t.Helper()
	t.Parallel()
	b := newBench(t, sse.Config{Shards: shards})
	b.broadcastAll(0, v.before...)
	s := b.pending("t", v.lastEventID)
	do(b, v.pending)
	s.Open()
	c := b.engine.Open(s.Stream)
	do(b, v.open)
	wantAll(t, b.finish(c, "t"), v.want...)
}

func TestIDsOnAStreamNeverGoBack(t *testing.T) { // E7, G2, G6
	t.Parallel()
	for name, test := range map[string]visit{
		"a private event of a node that is behind": {
			before: []int{1, 2},
			open: func(b *bench) {
				b.push("t", snapshotAt(1), false)
				b.broadcastAll(1, 3)
				b.push("t", snapshotAt(3), false)
				b.push("t", resetTo("e-2"), false)
			},
			want: []string{"e-2 snapshot s", "e-3 n 3", "e-3 snapshot s", "e-3 stream_reset {}"},
		},
		"such an event before the stream is open": {
			before: []int{1, 2},
			pending: func(b *bench) {
				b.push("t", snapshotAt(1), true)
				b.broadcastAll(1, 3)
				b.push("t", snapshotAt(2), true)
			},
			want: []string{"e-2 snapshot s", "e-2 snapshot s", "e-3 n 3"},
		},
		"such an event for a client that is ahead of the log": {
			before:      []int{1, 2},
			lastEventID: "e-4",
			pending:     func(b *bench) { b.push("t", snapshotAt(2), true) },
			open: func(b *bench) {
				b.push("t", snapshotAt(2), false)
				b.broadcastAll(1, 3, 4, 5)
			},
			want: []string{"e-4 snapshot s", "e-4 snapshot s", "e-5 n 5"},
		},
		"a replay by a node that is behind": {
			before:      []int{2, 3, 4, 5},
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.push("t", n(2), true)
				b.push("t", n(3), true)
				b.push("t", snapshotAt(3), true)
			},
			open: func(b *bench) { b.broadcastAll(1, 6) },
			want: slices.Concat(got(2, 3), []string{"e-3 snapshot s"}, got(4, 5, 6)),
		},
		"a replay that the log has not got": {
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.push("t", n(2), true)
				b.push("t", n(3), true)
			},
			open: func(b *bench) { b.broadcastAll(1, 2, 3, 4) },
			want: got(2, 3, 4),
		},
		"a replay of what a gateway before had, behind what is new": {
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.broadcastAll(1, 4)
				b.push("t", n(2), true)
				b.push("t", n(3), true)
				b.broadcastAll(1, 5)
				b.push("t", snapshotAt(5), true)
			},
			want: append(got(2, 3, 4, 5), "e-5 snapshot s"),
		},
		"a replay of what the log no longer has in part": {
			before:      []int{4, 5},
			lastEventID: "e-1",
			pending: func(b *bench) {
				for seq := 2; seq <= 4; seq++ {
					b.push("t", n(seq), true)
				}
			},
			want: got(2, 3, 4, 5),
		},
		"a snapshot for a client that is where its node is": {
			before:      []int{1, 2},
			lastEventID: "e-1",
			pending:     func(b *bench) { b.push("t", snapshotAt(1), true) },
			want:        append(got(2), "e-2 snapshot s"),
		},
		"a broadcast that a gateway before had, and that comes late": {
			open: func(b *bench) { b.broadcastAll(1, 3, 4, 2, 3, 5) },
			want: got(3, 4, 5),
		},
		"a private event at the place of an event for others": {
			before: []int{1},
			pending: func(b *bench) {
				b.broadcastAll(1, 2)
				b.push("t", snapshotAt(3), true) // 3 was for others
				b.broadcastAll(1, 4)
				b.push("t", snapshotAt(3), true)
			},
			open: func(b *bench) {
				b.broadcastAll(1, 6)
				b.push("t", snapshotAt(7), false)
				b.push("t", snapshotAt(6), false) // late
			},
			want: slices.Concat(got(2), []string{"e-3 snapshot s", "e-3 snapshot s"}, got(4, 6), []string{"e-7 snapshot s", "e-7 snapshot s"}),
		},
		"a reset to the place of an event for others": {
			before:      []int{1},
			lastEventID: "d-7",
			pending: func(b *bench) {
				b.broadcastAll(1, 2, 4)
				b.push("t", resetTo("e-3"), true)
			},
			want: append([]string{"e-3 stream_reset {}"}, got(4)...),
		},
		"a reset by a gateway's new backend": {
			lastEventID: "d-7",
			pending: func(b *bench) {
				b.broadcastAll(1, 3)
				b.push("t", resetTo("e-2"), true)
			},
			want: append([]string{"e-2 stream_reset {}"}, got(3)...),
		},
		"a reset by a new backend, after what its predecessor said last": {
			before:      []int{1},
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.broadcastAll(1, 2)
				b.push("t", resetTo("f-10"), true)
				b.push("t", raw("f-10", "snapshot", "s"), true)
				b.broadcastRaw(raw("f-11", "n", "11"), 1)
			},
			want: []string{"f-10 stream_reset {}", "f-10 snapshot s", "f-11 n 11"},
		},
		"a reset by a new backend that has begun to publish": {
			before:      []int{1},
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.broadcastAll(1, 2)
				b.broadcastRaw(raw("f-11", "n", "11"), 1)
				b.push("t", resetTo("f-10"), true)
			},
			want: []string{"f-10 stream_reset {}", "f-11 n 11"},
		},
		"a reset by a node that is behind": {
			before:      []int{2, 3, 4},
			lastEventID: "d-7",
			pending:     func(b *bench) { b.push("t", resetTo("e-3"), true) },
			want:        append([]string{"e-3 stream_reset {}"}, got(4)...),
		},
		"a reset to a position that the log no longer has": {
			before:      []int{2, 3},
			lastEventID: "d-7",
			pending: func(b *bench) {
				b.broadcastAll(1, 4)
				b.push("t", resetTo("e-1"), true)
			},
			open: func(b *bench) { b.broadcastAll(1, 5) },
			want: append([]string{"e-4 stream_reset {}"}, got(5)...),
		},
		"a client that the log can serve": {
			before:      []int{1, 2, 3},
			lastEventID: "e-1",
			pending:     func(b *bench) { b.push("t", raw("", "hello", ""), true) },
			open:        func(b *bench) { b.broadcastAll(1, 4) },
			want:        slices.Concat(got(2, 3), []string{"hello"}, got(4)),
		},
		"what the client has, published again": {
			lastEventID: "e-3",
			pending:     func(b *bench) { b.broadcastAll(1, 1, 2) },
			open: func(b *bench) {
				b.broadcastRaw(raw("", "ping", "{}"), 1)
				b.broadcastAll(1, 3, 4)
			},
			want: append([]string{"ping {}"}, got(4)...),
		},
		"what the client has, published again once its stream is open": {
			lastEventID: "e-3",
			open: func(b *bench) {
				b.push("t", raw("", "hello", ""), false)
				b.broadcastAll(1, 1, 2, 3, 4)
			},
			want: append([]string{"hello"}, got(4)...),
		},
		"a client that begins anew gets all that follows": {
			lastEventID: "e-9",
			pending:     func(b *bench) { b.broadcastAll(1, 1) },
			open: func(b *bench) {
				b.push("t", resetTo("e-1"), false)
				b.broadcastAll(1, 2)
			},
			want: append([]string{"e-1 stream_reset {}"}, got(2)...),
		},
		"another epoch": {
			lastEventID: "d-9",
			open: func(b *bench) {
				b.broadcastAll(1, 1)
				b.push("t", raw("d-8", "snapshot", "s"), false)
			},
			want: append(got(1), "d-8 snapshot s"),
		},
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(name+"/"+transport, func(t *testing.T) { test.run(t, shards) })
		}
	}
}

// In the envelope format a stream opens with "ready", wherever it goes on.
func TestResumedStreamOpensWithReady(t *testing.T) {
	t.Parallel()
	b := newBench(t, sse.Config{Format: wire.FormatEnvelope})
	b.broadcastAll(0, 1, 2)
	for token, last := range map[connection.Token]string{"known": "e-1", "repeated": "e-0"} {
		s := b.pending(token, last)
		if token == "repeated" {
			b.push(token, n(1), true)
		}
		s.Open()
		want := []string{`e-2 message {"type":"n","payload":2}`}
		if token == "repeated" {
			want = slices.Insert(want, 0, `e-1 message {"type":"n","payload":1}`)
		}
		wantAll(t, b.finish(b.engine.Open(s.Stream), token), slices.Insert(want, 0, "ready")...)
	}
}

// The rest of the log follows what is left out, however fast both come.
func TestWhatIsLeftOutIsNoMore(t *testing.T) { // E7, G2
	t.Parallel()
	const all, had = 2000, 1500
	for transport, shards := range enginetest.Transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 16 << 20})
			s := b.pending("t", fmt.Sprintf("e-%d", had))
			s.Open()
			c := b.engine.Open(s.Stream)
			var want []string
			for seq := 1; seq <= all; seq++ {
				b.broadcastAll(1, seq)
				if seq%100 == 0 {
					b.push("t", raw("", "beat", fmt.Sprint(seq)), false)
				}
				if seq > had {
					want = append(want, got(seq)...)
				}
				if seq%100 == 0 {
					want = append(want, fmt.Sprintf("beat %d", seq))
				}
			}
			wantAll(t, b.finish(c, "t"), want...)
		})
	}
}

// On connect a service sends the current version. When its announcement is the newest
// log event, the two are the same to the byte, but a new client has not got that one.
func TestStateThatLooksLikeTheNewestLogEventIsSentOnce(t *testing.T) { // V1, G9
	t.Parallel()
	for name, test := range map[string]visit{
		"before the stream is open": {
			before:  []int{1, 2},
			pending: func(b *bench) { b.push("t", n(2), true); b.push("t", n(2), true) },
			open:    func(b *bench) { b.push("t", n(2), false); b.broadcastAll(1, 3) },
			want:    got(2, 3),
		},
		"to an open stream": {
			before: []int{1, 2},
			open:   func(b *bench) { b.push("t", n(2), false); b.push("t", n(2), false); b.broadcastAll(1, 3) },
			want:   got(2, 3),
		},
		"after newer log events": {
			before: []int{1, 2},
			open:   func(b *bench) { b.broadcastAll(1, 3); b.push("t", n(2), false) },
			want:   append(got(3), "e-3 n 2"),
		},
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(name+"/"+transport, func(t *testing.T) { test.run(t, shards) })
		}
	}
}

// A backend that gets no answer in time repeats a push or gives it up, and the
// push may take effect after that. What the stream has, or gets by the log, does
// not go out again, and nothing old goes out behind what is newer.
func TestPushThatArrivesLateIsNotWrittenAgain(t *testing.T) { // E7, G2, G6
	t.Parallel()
	for name, test := range map[string]visit{
		"of an event that the log has, to an open stream": {
			before: []int{1, 2},
			open: func(b *bench) {
				b.broadcastAll(1, 3)
				b.push("t", n(3), false)
				b.push("t", n(1), false)
				b.broadcastAll(1, 4)
			},
			want: got(3, 4),
		},
		"of an event that the client has, to an open stream": {
			before:      []int{1, 2},
			lastEventID: "e-2",
			open:        func(b *bench) { b.push("t", n(2), false) },
		},
		"of an event that a gateway before had, to an open stream": {
			lastEventID: "e-1",
			pending:     func(b *bench) { b.replay("t", 2, true) },
			open: func(b *bench) {
				b.broadcastAll(1, 4)
				b.replay("t", 3, false)
				b.replay("t", 2, false)
			},
			want: got(2, 4),
		},
		"twice, before the stream is open": {
			lastEventID: "e-1",
			pending: func(b *bench) {
				b.replay("t", 2, true)
				b.replay("t", 2, true)
				b.replay("t", 3, true)
				b.replay("t", 2, true)
			},
			open: func(b *bench) { b.broadcastAll(1, 4) },
			want: got(2, 3, 4),
		},
		"after a reset, of an event that the log has": {
			before:      []int{11, 12, 13},
			lastEventID: "e-9",
			pending: func(b *bench) {
				b.replay("t", 10, true)
				b.push("t", resetTo("e-13"), true)
				b.push("t", n(11), true)
				b.replay("t", 12, true)
			},
			open: func(b *bench) { b.broadcastAll(1, 14) },
			want: append(append(got(10), "e-13 stream_reset {}"), got(14)...),
		},
		"after a reset, of an event that the log has not": {
			lastEventID: "e-9",
			pending: func(b *bench) {
				b.broadcastAll(1, 167)
				b.push("t", resetTo("e-166"), true)
				b.replay("t", 11, true)
			},
			open: func(b *bench) {
				b.replay("t", 12, false)
				b.broadcastAll(1, 168)
			},
			want: append([]string{"e-166 stream_reset {}"}, got(167, 168)...),
		},
		"of a reset": {
			before: []int{1},
			open: func(b *bench) {
				b.push("t", resetTo("e-1"), false)
				b.broadcastAll(1, 2)
				b.push("t", resetTo("e-1"), false)
				b.push("t", resetTo("e-2"), false)
			},
			want: []string{"e-1 stream_reset {}", "e-2 n 2", "e-2 stream_reset {}"},
		},
	} {
		for transport, shards := range map[string]int{"portable": -1, "shards": 2} {
			t.Run(name+"/"+transport, func(t *testing.T) { test.run(t, shards) })
		}
	}
}
