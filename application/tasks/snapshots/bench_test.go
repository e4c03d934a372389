package snapshots_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/snapshots"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// reading is a gateway.Sender of streams that read at once.
type reading struct{ gateway.Sender }

func (reading) SendParts(_ context.Context, _ connection.Token, next gateway.Parts) error {
	for more := true; more; {
		_, more = next()
	}
	return nil
}

// filled returns a store with tasks for everyone, of another's, and of each subject.
func filled(b *testing.B, everyones, others, subjects int) task.Store {
	b.Helper()
	store := memtaskstore.New()
	created := 0
	create := func(a *access.Audience) {
		created++
		t := task.Task{ID: task.ID(fmt.Sprint(created)), Type: "work", Status: task.Pending, Created: time.Now(), Audience: a}
		if _, err := store.Create(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
	for range everyones {
		create(nil)
	}
	for range others {
		create(&access.Audience{Subjects: []string{"another"}})
	}
	for n := range subjects {
		create(&access.Audience{Subjects: []string{fmt.Sprint("subject-", n)}})
	}
	return store
}

// holding is a gateway.Sender of streams that have read one part and go on later.
type holding struct {
	gateway.Sender
	mu   sync.Mutex
	held []gateway.Parts // guarded by mu
}

func (h *holding) SendParts(_ context.Context, _ connection.Token, next gateway.Parts) error {
	if _, more := next(); more {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.held = append(h.held, next)
	}
	return nil
}

// Ten thousand subjects that connect at once and read slowly, each with a task of its
// own beside what is for its roles and for everyone: how long it takes, and what is in
// memory then.
func BenchmarkSubjectsAtOnce(b *testing.B) {
	const subjects, tasks, roles, callers = 10_000, 1000, 20, 64
	store := filled(b, tasks, 0, subjects)
	for n := range tasks {
		role := &access.Audience{Roles: []string{fmt.Sprint("role-", n%roles)}}
		t := task.Task{ID: task.ID(fmt.Sprint("role-", n)), Type: "work", Status: task.Pending, Created: time.Now(), Audience: role}
		if _, err := store.Create(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		before := heap()
		sender := &holding{}
		o := snapshots.New(store, sender, 64<<10)
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				for n := caller; n < subjects; n += callers {
					p := &access.Principal{Subject: fmt.Sprint("subject-", n), Roles: []string{fmt.Sprint("role-", n%roles), "none"}}
					if err := o.Connected(b.Context(), connection.Connection{RequestID: connection.RequestID(fmt.Sprint(n)), Token: "t", Principal: p}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(heap()-before)/subjects, "held-B/stream")
		runtime.KeepAlive(sender)
	}
}

// What a stream that connects costs: without authentication, and as one of as many
// subjects, beside any number of tasks that it does not see.
func BenchmarkConnected(b *testing.B) {
	const subjects = 1000
	for _, c := range []struct{ everyones, others int }{{0, 0}, {100, 0}, {1000, 0}, {100, 100_000}} {
		store := filled(b, c.everyones, c.others, subjects)
		o := snapshots.New(store, reading{}, 64<<10)
		for name, principal := range map[string]func(n int) *access.Principal{
			"anonymous": func(int) *access.Principal { return nil },
			"subject":   func(n int) *access.Principal { return &access.Principal{Subject: fmt.Sprint("subject-", n%subjects)} },
		} {
			b.Run(fmt.Sprintf("%s/everyones=%d/others=%d", name, c.everyones, c.others), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(50)
				var n atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						i := int(n.Add(1))
						stream := connection.Connection{RequestID: connection.RequestID(fmt.Sprint(i)), Token: "t", Principal: principal(i)}
						if err := o.Connected(b.Context(), stream); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}
