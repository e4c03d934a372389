package sendercontract

import (
	"fmt"
	"testing"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// AnonymousOnly is for a subject whose streams cannot have a principal, because
// authentication is off.
func AnonymousOnly(why string) Option { return func(s *suite) { s.anonymousOnly = why } }

// audiences are the clauses about events that are for some streams only.
func (s *suite) audiences(t *testing.T) {
	t.Run("an event with an audience reaches the streams of its request_ids only", s.requestIDs)
	t.Run("events for some and for all arrive in the one order, once", s.audiencesInOrder)
	t.Run("events for some carry their IDs, and a private one the newest ID of all", s.audienceIDs)
	t.Run("a stuck stream in an audience delays neither the calls nor the other streams", s.stuckInAudience)
	t.Run("subjects and roles have their events, holders of admin all of them", s.principals)
	t.Run("the stream of one task gets that task's events and versions", s.followers)
}

func toIDs(ids ...string) *access.Audience { return &access.Audience{RequestIDs: ids} }

func noteFor(a *access.Audience, text string) event.Event {
	ev := note(text)
	ev.Audience = a
	return ev
}

func (s *suite) requestIDs(t *testing.T) { // A12
	b := s.bench(t)
	streams := b.open(t, 3)
	b.broadcast(t, noteFor(toIDs("r1", "r3", "r4"), "to r1 and r3"))
	b.broadcast(t, noteFor(toIDs("r4"), "to nobody"))
	b.broadcast(t, noteFor(&access.Audience{Subjects: []string{"r2"}, Roles: []string{"r2"}}, "a subject is no request_id"))
	b.broadcast(t, noteFor(toIDs("r2"), "to r2"))
	b.broadcast(t, note("to all"))
	want(t, streams[0], note("to r1 and r3"), note("to all"))
	want(t, streams[1], note("to r2"), note("to all"))
	want(t, streams[2], note("to r1 and r3"), note("to all"))
}

func (s *suite) audiencesInOrder(t *testing.T) { // A13, E7
	b := s.bench(t)
	st := b.open(t, 2)[0]
	var evs []event.Event
	for i := range 50 {
		own, all, private := noteFor(toIDs("r1", "r1"), fmt.Sprintf("own %d", i)), note(fmt.Sprintf("all %d", i)), note(fmt.Sprintf("private %d", i))
		b.broadcast(t, own)
		b.broadcast(t, noteFor(toIDs("r2"), "to another"))
		b.broadcast(t, all)
		b.send(t, st, private)
		evs = append(evs, own, all, private)
	}
	want(t, st, evs...)
}

func (s *suite) audienceIDs(t *testing.T) { // A14, G2
	if s.noEventIDs != "" {
		t.Skip(s.noEventIDs)
	}
	b := s.bench(t)
	st := b.open(t, 1)[0]
	b.broadcast(t, noteFor(toIDs("r1"), "own"))
	own := b.last.String()
	b.broadcast(t, noteFor(toIDs("r2"), "of another"))
	b.send(t, st, note("private"))
	newest := b.last.String()
	b.broadcast(t, note("all"))
	for i, id := range []string{own, newest, b.last.String()} {
		if got := next(t, st); got.ID != id {
			t.Errorf("event %d, %s: got id %q, want %q", i, got.Data, got.ID, id)
		}
	}
}

func (s *suite) stuckInAudience(t *testing.T) { // E10, G4
	b := s.bench(t)
	streams := b.open(t, 2)
	release := stall(t, streams[0])
	var evs []event.Event
	promptly(t, func() {
		for i := range 20 {
			evs = append(evs, noteFor(toIDs("r1", "r2"), fmt.Sprintf("to both %d", i)))
			b.broadcast(t, evs[i])
		}
	})
	want(t, streams[1], evs...)
	release()
	want(t, streams[0], evs...)
}

// openAs opens a stream of a principal.
func (s *suite) openAs(t *testing.T, b *bench, id connection.RequestID, p *access.Principal) Stream {
	t.Helper()
	if s.anonymousOnly != "" {
		t.Skip(s.anonymousOnly)
	}
	return b.OpenAs(t, id, p)
}

func (s *suite) principals(t *testing.T) { // A12
	b := s.bench(t)
	anna := s.openAs(t, b, "r1", &access.Principal{Subject: "anna", Roles: []string{"ops", "dev"}})
	bert := s.openAs(t, b, "r2", &access.Principal{Subject: "bert", Roles: []string{"dev"}})
	admin := s.openAs(t, b, "r3", &access.Principal{Subject: "root", Scopes: access.ScopesOf(access.Admin)})
	for _, ev := range []event.Event{
		noteFor(&access.Audience{Subjects: []string{"anna"}}, "anna"),
		noteFor(&access.Audience{Roles: []string{"dev"}}, "dev"),
		noteFor(&access.Audience{Subjects: []string{"anna"}, Roles: []string{"dev", "ops"}, RequestIDs: []string{"r1"}}, "several names"),
		noteFor(&access.Audience{Subjects: []string{"nobody"}}, "nobody"),
		note("all"),
	} {
		b.broadcast(t, ev)
	}
	want(t, anna, note("anna"), note("dev"), note("several names"), note("all"))
	want(t, bert, note("dev"), note("several names"), note("all"))
	want(t, admin, note("anna"), note("dev"), note("several names"), note("nobody"), note("all"))
}

func (s *suite) followers(t *testing.T) { // A12, A16
	b := s.bench(t)
	st := s.openAs(t, b, "r1", &access.Principal{Subject: access.TaskSubject + "t1", TaskID: "t1"})
	version := event.Event{Service: event.ServiceVersion, Name: "version", Data: []byte(`{"version":"2"}`)}
	b.broadcast(t, note("all"))
	b.broadcast(t, noteFor(&access.Audience{Subjects: []string{"anna", access.TaskSubject + "t1"}}, "the task's"))
	b.broadcast(t, version)
	b.broadcast(t, noteFor(&access.Audience{Subjects: []string{"anna"}}, "of others"))
	b.send(t, st, note("private"))
	want(t, st, note("the task's"), version, note("private"))
}
