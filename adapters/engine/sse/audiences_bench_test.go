package sse_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// BenchmarkToOne is an event for one of ten thousand streams whose sockets cost nothing:
// of its own subject, or private to its token. Beside the time it has the CPU time of
// the whole process, which is what is to be compared.
func BenchmarkToOne(b *testing.B) {
	const streams = 10_000
	for _, kind := range []string{"subject", "token"} {
		b.Run(kind, func(b *testing.B) {
			s := simulate(b, sse.Config{HistoryBytes: 16 << 20}, 0)
			for i := range streams {
				s.join(b, subjectViewer(i))
			}
			until(b, "the heads arrive", func() bool { return s.writes() >= streams })
			audiences, tokens := make([]*access.Audience, streams), make([]connection.Token, streams)
			for i := range streams {
				audiences[i], tokens[i] = toSubject(fmt.Sprint("subject ", i)), connection.Token(fmt.Sprint("r", i))
			}
			b.ReportAllocs()
			before, seq := cpu(b), uint64(0)
			for b.Loop() {
				seq++
				ev := event.Event{Service: event.ServiceTask, Name: "task_event", Data: append([]byte(nil), payload150...)}
				var err error
				if kind == "token" {
					err = s.Send(tokens[seq%streams], ev)
				} else {
					ev.Audience = audiences[seq%streams]
					err = s.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: seq}, Event: ev})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkToNobodyHere is what a node of a cluster spends on an event for subjects that
// have no stream with it.
func BenchmarkToNobodyHere(b *testing.B) {
	s := simulate(b, sse.Config{HistoryBytes: 16 << 20}, 0)
	for i := range 10_000 {
		s.join(b, subjectViewer(i))
	}
	ev := event.Event{Service: event.ServiceTask, Name: "task_event", Data: payload150, Audience: &access.Audience{Subjects: []string{"elsewhere", "or there"}, Roles: []string{"remote"}}}
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		if err := s.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: seq}, Event: ev}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleStream is the memory of an idle stream: of a subject with three roles, and
// anonymous.
func BenchmarkIdleStream(b *testing.B) {
	const streams = 100_000
	for _, kind := range []string{"subject", "anonymous"} {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				before := live()
				s := simulate(b, sse.Config{HistoryBytes: 1 << 20}, 0)
				for i := range streams {
					v := subjectViewer(i)
					if kind == "anonymous" {
						v = access.Viewer{RequestID: v.RequestID}
					}
					s.join(b, v)
				}
				until(b, "the heads arrive", func() bool { return s.writes() >= streams })
				b.ReportMetric(float64(live()-before)/streams, "B/stream")
				s.stop()
			}
		})
	}
}

// subjectViewer is one of many subjects, which share three roles.
func subjectViewer(i int) access.Viewer {
	return access.Viewer{Subject: fmt.Sprint("subject ", i), Roles: []string{"user", "editor", "support"}, RequestID: fmt.Sprint("r", i)}
}

// join opens a stream of a viewer.
func (s *simulated) join(b *testing.B, v access.Viewer) {
	stream, err := s.Resume(b.Context(), connection.Token(v.RequestID), sse.Client{Name: v.RequestID, Viewer: v})
	if err != nil {
		b.Fatal(err)
	}
	if err := stream.Adopt(sse.SimulatedConn{}, sse.Answer{Head: []byte("head"), Chunked: true}, func() {}); err != nil {
		b.Fatal(err)
	}
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkToRole is an event for a role that all of ten thousand streams have: how long
// the engine's mutex is held for it.
func BenchmarkToRole(b *testing.B) {
	const streams = 10_000
	s := simulate(b, sse.Config{HistoryBytes: 16 << 20}, 0)
	for i := range streams {
		s.join(b, subjectViewer(i))
	}
	until(b, "the heads arrive", func() bool { return s.writes() >= streams })
	ev := event.Event{Service: event.ServiceTask, Name: "task_event", Data: payload150, Audience: &access.Audience{Roles: []string{"editor"}}}
	seq, writes := uint64(0), s.writes()
	b.ReportAllocs()
	for b.Loop() {
		seq++
		if err := s.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: seq}, Event: ev}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		writes += streams
		until(b, "all have it", func() bool { return s.writes() >= writes })
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/streams, "ns/recipient")
}
