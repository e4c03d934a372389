package snapshots_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/application/tasks/snapshots"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// stream returns the connection of a principal.
func stream(token connection.Token, p *access.Principal) connection.Connection {
	return connection.Connection{RequestID: connection.RequestID("tab-" + token), Token: token, Principal: p}
}

// start creates a task that is for the audience, with a text of so many bytes.
func (f *fixture) start(audience *access.Audience, text int) task.ID {
	f.t.Helper()
	f.tasks++
	t, err := f.store.Create(f.t.Context(), task.Task{
		ID: task.ID(fmt.Sprintf("task-%03d", f.tasks)), Type: "work", Status: task.Pending, Created: time.Now().UTC(), Attempt: 1,
		Audience: audience, Progress: task.Progress{Text: strings.Repeat("x", text)},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return t.ID
}

func (f *fixture) open(c connection.Connection) {
	f.t.Helper()
	if err := f.Connected(f.t.Context(), c); err != nil {
		f.t.Errorf("Connected: %v", err)
	}
}

var (
	annOfSales = &access.Principal{Subject: "ann", Roles: []string{"sales", "staff"}}
	bobOfStaff = &access.Principal{Subject: "bob", Roles: []string{"staff"}}
	carl       = &access.Principal{Subject: "carl"}
	admin      = &access.Principal{Subject: "root", Scopes: access.ScopesOf(access.Admin)}
	follower   = &access.Principal{Subject: access.TaskSubject + "task-005", TaskID: "task-005", Scopes: access.ScopesOf(access.Stream)}
)

func TestASnapshotHasWhatTheStreamMaySee(t *testing.T) { // T13, A12
	f := newFixture(t, 64<<10)
	for _, a := range []*access.Audience{
		nil,
		{Subjects: []string{"ann"}, Roles: []string{"staff", "sales"}, RequestIDs: []string{"tab-1"}},
		{Roles: []string{"staff"}},
		{RequestIDs: []string{"tab-1", "tab-2"}},
		{Subjects: []string{"bob", access.TaskSubject + "task-005"}},
		nil,
	} {
		f.start(a, 10)
	}
	for token, c := range map[connection.Token]struct {
		principal *access.Principal
		want      string
	}{
		"0": {nil, "1 6"},
		"1": {nil, "1 2 4 6"}, // by its request_id
		"2": {annOfSales, "1 2 3 4 6"},
		"3": {bobOfStaff, "1 2 3 5 6"},
		"4": {carl, "1 6"},
		"5": {admin, "1 2 3 4 5 6"},
		"6": {follower, "5"},
		"7": {&access.Principal{Subject: access.TaskSubject + "none", TaskID: "none"}, ""},
	} {
		f.open(stream(token, c.principal))
		ids, complete := f.entries(token)
		var got []string
		for _, id := range ids { // the oldest first
			got = append(got, strings.TrimLeft(string(id), "task-0"))
		}
		if events := f.outbox.of(token); strings.Join(got, " ") != c.want || !complete || len(events) != 1 {
			t.Errorf("%s got %q in %d events, complete: %t; want %q in one", token, got, len(events), complete, c.want)
		}
	}
}

func TestThoseWhoSeeTheSameShareASnapshot(t *testing.T) { // T13, A12
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 64<<10)
		store := &slowList{Store: f.store}
		f.observe(store)
		f.start(nil, 10)
		f.start(&access.Audience{Roles: []string{"staff"}}, 10)
		for n := range 300 { // all at the same moment
			p := *[]*access.Principal{annOfSales, bobOfStaff, carl}[n%3]
			p.Roles = slices.Clone(p.Roles)
			if n%2 == 0 {
				slices.Reverse(p.Roles) // which say the same
			}
			go f.open(stream(connection.Token(fmt.Sprint(n)), &p))
		}
		pass(time.Minute)
		for n, want := range []int{2, 2, 1} {
			for _, token := range []int{n, n + 3, n + 297} {
				if ids, complete := f.entries(connection.Token(fmt.Sprint(token))); len(ids) != want || !complete {
					t.Errorf("stream %d got %v, want %d tasks", token, ids, want)
				}
			}
		}
		// Each of the three has a layer of its own, two have one of their roles, and all have
		// that of everyone. Calls that come while one is read share the next.
		if got := store.calls.Load(); got > 3*6 {
			t.Errorf("300 streams of 3 subjects read the store %d times", got)
		}
	})
}

// keeper is a gateway.Sender that keeps the parts to be read.
type keeper struct {
	gateway.Sender
	parts gateway.Parts
}

func (k *keeper) SendParts(_ context.Context, _ connection.Token, next gateway.Parts) error {
	k.parts = next
	return nil
}

// keep has the parts of snapshots kept.
func (f *fixture) keep() *keeper {
	k := &keeper{}
	f.Observer = snapshots.New(f.store, k, f.maxBytes)
	return k
}

// slowReader reads a snapshot part by part.
type slowReader struct {
	c        connection.Connection
	next     gateway.Parts
	lasting  map[task.ID]bool // what it has to get: that was there when it began, and is
	got      map[task.ID]int
	complete bool
	parts    int
}

// read reads the next part.
func (r *slowReader) read(f *fixture) {
	part, more := r.next()
	ev, err := gateway.Encoded(part, func(ev event.Event) (event.Event, error) { return ev, nil })
	if err != nil {
		f.t.Fatal(err)
	}
	var s task.Snapshot
	if err := json.Unmarshal(ev.Data, &s); err != nil {
		f.t.Fatal(err)
	}
	r.parts++
	if s.More != more || len(ev.Data) > f.maxBytes && len(s.Tasks) > 1 {
		f.t.Errorf("a part of %d bytes says more: %t, and there is more: %t", len(ev.Data), s.More, more)
	}
	for _, entry := range s.Tasks {
		r.got[entry.TaskID]++
		if stored, err := f.store.Get(f.t.Context(), entry.TaskID); err == nil && !stored.Audience.Includes(r.c.Viewer()) {
			f.t.Errorf("%s got %s, which is for %v", r.c.Token, entry.TaskID, stored.Audience)
		}
	}
	r.complete = !more
}

// Snapshots of all kinds of viewers, read at any pace, while tasks come and go.
func TestWhateverHappensAStreamIsSentWhatItMaySee(t *testing.T) { // T13, A12, G4
	everyones := []*access.Audience{nil, nil, nil}
	audiences := []*access.Audience{
		{Subjects: []string{"ann"}},
		{Subjects: []string{"bob", "ann"}, Roles: []string{"staff"}},
		{Roles: []string{"staff"}},
		{Roles: []string{"sales"}},
		{RequestIDs: []string{"tab-1"}},
		{Subjects: []string{"bob"}, RequestIDs: []string{"tab-2"}},
		{Subjects: []string{follower.Subject, "carl"}},
	}
	principals := []*access.Principal{nil, annOfSales, annOfSales, bobOfStaff, carl, admin, follower}
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 3))
		f := newFixture(t, 2048)
		sender := f.keep()
		var open []*slowReader
		live := map[task.ID]bool{}
		kinds := append(slices.Clone(audiences), everyones[:random.IntN(4)]...)
		begin := func() { live[f.start(kinds[random.IntN(len(kinds))], random.IntN(400))] = true }
		for range random.IntN(40) {
			begin()
		}
		for step := range 150 {
			switch action := random.IntN(6); {
			case action == 0:
				begin()
			case action == 1 && len(live) > 0:
				id := slices.Sorted(maps.Keys(live))[random.IntN(len(live))]
				delete(live, id)
				f.remove(id)
				for _, r := range open {
					delete(r.lasting, id)
				}
			case action == 2:
				r := &slowReader{c: stream(connection.Token(fmt.Sprint(random.IntN(3))), principals[random.IntN(len(principals))]), got: map[task.ID]int{}, lasting: map[task.ID]bool{}}
				for id := range live {
					if record, err := f.store.Get(t.Context(), id); err == nil && record.Audience.Includes(r.c.Viewer()) {
						r.lasting[id] = true
					}
				}
				f.open(r.c)
				r.next = sender.parts
				open = append(open, r)
			default:
				if i := random.IntN(len(open) + 1); i < len(open) && !open[i].complete {
					open[i].read(f)
				}
			}
			if step%50 == 49 {
				runtime.GC() // what no stream reads is gone
			}
		}
		for _, r := range open {
			for !r.complete {
				if r.read(f); r.parts > 1000 {
					t.Fatalf("seed %d: %s is sent parts for ever", seed, r.c.Token)
				}
			}
			for id := range r.lasting {
				if r.got[id] == 0 {
					t.Errorf("seed %d: the stream of %+v was not sent %s", seed, r.c.Principal, id)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

func TestAFastStreamIsSentEachTaskOnce(t *testing.T) { // T13
	f := newFixture(t, 1024)
	both := &access.Audience{Subjects: []string{"ann"}, Roles: []string{"staff", "sales"}, RequestIDs: []string{"tab-a"}}
	want := map[task.ID]int{}
	for range 20 {
		want[f.start(nil, 200)], want[f.start(both, 200)] = 1, 1
		f.start(&access.Audience{Subjects: []string{"bob"}}, 200)
	}
	f.open(stream("a", annOfSales))
	got := map[task.ID]int{}
	ids, complete := f.entries("a")
	for _, id := range ids {
		got[id]++
	}
	if diff := cmp.Diff(want, got); diff != "" || !complete {
		t.Errorf("complete: %t, tasks (-want +got):\n%s", complete, diff)
	}
}

// What is for everyone, or for a role, is in memory once, however many subjects read it.
func TestSubjectsShareTheMemoryOfWhatManySee(t *testing.T) { // T13, G4
	const subjects, tasks = 100, 100
	f := newFixture(t, 8<<10)
	for range tasks {
		f.start(nil, 1000)
		f.start(&access.Audience{Roles: []string{"staff"}}, 1000)
	}
	sender := f.keep()
	var readers []gateway.Parts
	before := heap()
	for n := range subjects {
		name := fmt.Sprint("subject-", n)
		f.start(&access.Audience{Subjects: []string{name}}, 10)
		f.open(stream(connection.Token(name), &access.Principal{Subject: name, Roles: []string{"staff"}}))
		if _, more := sender.parts(); !more { // its own task
			t.Fatal("that was all")
		}
		readers = append(readers, sender.parts)
	}
	const own = 8 << 10 // of each subject: its task, its series, and its place in the others
	if grown, shared := heap()-before, 4*tasks*1000; grown > shared+subjects*own {
		t.Errorf("%d streams hold %d KiB", subjects, grown>>10)
	} else {
		t.Logf("%d streams hold %d KiB", subjects, grown>>10)
	}
	runtime.KeepAlive(readers)
}

// remove deletes a task.
func (f *fixture) remove(id task.ID) {
	f.t.Helper()
	record, err := f.store.Get(f.t.Context(), id)
	if err == nil {
		err = f.store.Delete(f.t.Context(), record)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestASlowStreamOfASubjectGoesOnInTheNewestSnapshot(t *testing.T) { // T13, A12
	for name, everyones := range map[string]int{"few are for everyone": 2, "many are for everyone": 20} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1024)
			for range everyones {
				f.start(nil, 200)
			}
			var own []task.ID
			for range 20 {
				own = append(own, f.start(&access.Audience{Subjects: []string{"ann"}}, 200))
			}
			sender := f.keep()
			f.open(stream("slow", annOfSales))
			slow := &slowReader{c: stream("slow", annOfSales), next: sender.parts, got: map[task.ID]int{}}
			slow.read(f)
			runtime.GC() // the stream alone keeps what it reads
			for _, id := range own {
				if slow.got[id] == 0 {
					f.remove(id)
				}
			}
			f.open(stream("other", annOfSales))
			first := maps.Clone(slow.got)
			for !slow.complete {
				slow.read(f)
			}
			for _, id := range own {
				if first[id] == 0 && slow.got[id] != 0 {
					t.Errorf("the stream was sent %s, which has gone", id)
				}
			}
		})
	}
}

func TestSubjectsThatAreGoneAreForgotten(t *testing.T) { // G4
	f := newFixture(t, 8<<10)
	sender := f.keep()
	most := 0
	for n := range 2000 {
		name := fmt.Sprint("subject-", n)
		f.open(stream(connection.Token(name), &access.Principal{Subject: name, Roles: []string{"role-" + name}}))
		if n%100 == 99 {
			runtime.GC()
		}
		most = max(most, f.Held())
	}
	if most > 1000 {
		t.Errorf("%d series of subjects that read nothing are held", most)
	}
	runtime.KeepAlive(sender)
}

// heap returns how much memory is in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what was only referred to weakly
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestASnapshotThatCannotBeReadOfOneLayerIsAnError(t *testing.T) { // C5
	f := newFixture(t, 64<<10)
	for _, fails := range []func(v access.Viewer) bool{
		func(v access.Viewer) bool { return !v.Single },
		func(v access.Viewer) bool { return v.Roles != nil },
		func(v access.Viewer) bool { return v.Subject != "" },
		func(v access.Viewer) bool { return v.RequestID != "" },
	} {
		f.observe(&failingList{Store: f.store, fails: fails})
		if err := f.Connected(t.Context(), stream("a", annOfSales)); err == nil {
			t.Error("no error")
		}
	}
}

type failingList struct {
	task.Store
	fails func(v access.Viewer) bool
}

func (s *failingList) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if s.fails(*q.Viewer) {
		return nil, "", task.ErrUnavailable
	}
	return s.Store.List(ctx, q)
}
