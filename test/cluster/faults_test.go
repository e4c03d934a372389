package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"heliograph/test/cluster/link"
)

// fault is something that breaks and is mended after a while.
type fault struct {
	name string
	// strike does it to the victim and its neighbour, both of 0 to size-1, and
	// returns once it is undone.
	strike func(ctx context.Context, r *rig, victim, neighbour int, lasts time.Duration)
}

// faults are all that can happen; those that are likelier are there twice.
var faults = []fault{
	{"a node is killed", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { killed(ctx, r.nodes[v], lasts) }},
	{"a node is restarted", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { restarted(ctx, r.nodes[v], lasts/4) }},
	{"a node is paused", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { paused(ctx, r.nodes[v], lasts) }},
	{"a node is cut off", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { cut(ctx, lasts, r.toServer[v][:]...) }},
	{"a node is far away", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) {
		slow(ctx, lasts, r.toServer[v][:]...)
	}},
	{"a node's connections break", func(_ context.Context, r *rig, v, _ int, _ time.Duration) { broken(r.toServer[v][:]...) }},
	{"a server is killed", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { killed(ctx, r.servers[v], lasts) }},
	{"a server is restarted", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) {
		restarted(ctx, r.servers[v], lasts/4)
	}},
	{"a server is paused", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { paused(ctx, r.servers[v], lasts) }},
	{"a server's disk is slow", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { stuttering(ctx, r.servers[v], lasts) }},
	{"a server is cut off", func(ctx context.Context, r *rig, v, _ int, lasts time.Duration) { cut(ctx, lasts, r.around(v)...) }},
	{"two servers are killed", majorityKilled},
	{"two servers are killed", majorityKilled},
	{"two servers cannot reach each other", func(ctx context.Context, r *rig, v, n int, lasts time.Duration) {
		cut(ctx, lasts, r.routes[v][n], r.routes[n][v])
	}},
	{"two servers are far from each other", func(ctx context.Context, r *rig, v, n int, lasts time.Duration) {
		slow(ctx, lasts, r.routes[v][n], r.routes[n][v])
	}},
}

// around is all wires of a server.
func (r *rig) around(server int) (links []*link.Link) {
	for i := range size {
		links = append(links, r.toServer[i][server])
		if i != server {
			links = append(links, r.routes[i][server], r.routes[server][i])
		}
	}
	return links
}

func killed(ctx context.Context, p *process, lasts time.Duration) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.kill()
	pause(ctx, lasts)
	_ = p.start() // it has started before
}

// majorityKilled takes NATS its majority: what it had acknowledged must be there again
// when the two are back.
func majorityKilled(ctx context.Context, r *rig, victim, neighbour int, lasts time.Duration) {
	var both sync.WaitGroup
	for _, server := range []int{victim, neighbour} {
		both.Go(func() { killed(ctx, r.servers[server], lasts) })
	}
	both.Wait()
}

func restarted(ctx context.Context, p *process, lasts time.Duration) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.terminate()
	pause(ctx, lasts)
	_ = p.start() // it has started before
}

func paused(ctx context.Context, p *process, lasts time.Duration) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.signal(syscall.SIGSTOP)
	pause(ctx, lasts)
	p.signal(syscall.SIGCONT)
}

// stuttering has a process stand still most of the time, as one does whose every
// write waits for the disk.
func stuttering(ctx context.Context, p *process, lasts time.Duration) {
	p.turn.Lock()
	defer p.turn.Unlock()
	for end := time.Now().Add(lasts); time.Now().Before(end) && ctx.Err() == nil; {
		p.signal(syscall.SIGSTOP)
		pause(ctx, 80*time.Millisecond)
		p.signal(syscall.SIGCONT)
		pause(ctx, 20*time.Millisecond)
	}
}

func cut(ctx context.Context, lasts time.Duration, links ...*link.Link) {
	for _, l := range links {
		l.Cut()
	}
	pause(ctx, lasts)
	for _, l := range links {
		l.Heal()
	}
}

func slow(ctx context.Context, lasts time.Duration, links ...*link.Link) {
	for _, l := range links {
		l.Slow(50 * time.Millisecond)
	}
	pause(ctx, lasts)
	for _, l := range links {
		l.Slow(0)
	}
}

func broken(links ...*link.Link) {
	for _, l := range links {
		l.Break()
	}
}

// step is a fault in a plan.
type step struct {
	fault
	at, lasts         time.Duration // at since the beginning
	victim, neighbour int
}

func (s step) String() string {
	return fmt.Sprintf("after %s for %s: %s (%d, %d)", s.at.Round(time.Millisecond), s.lasts.Round(time.Millisecond), s.name, s.victim+1, s.neighbour+1)
}

// plan draws what happens. Faults overlap, and now and then take two of three.
func plan(random *rand.Rand, during time.Duration) (steps []step) {
	const gap, shortest, longest = 3 * time.Second, 300 * time.Millisecond, 7 * time.Second
	for at := time.Duration(0); at < during; at += time.Duration(random.Int64N(int64(gap))) {
		victim := random.IntN(size)
		steps = append(steps, step{
			fault: faults[random.IntN(len(faults))],
			at:    at, lasts: shortest + time.Duration(random.Int64N(int64(longest-shortest))),
			victim: victim, neighbour: (victim + 1 + random.IntN(size-1)) % size,
		})
	}
	return steps
}

// carryOut goes through a plan and returns when all is mended.
func (r *rig) carryOut(t *testing.T, steps []step) {
	t.Helper()
	var running sync.WaitGroup
	defer running.Wait()
	begin := time.Now()
	for _, s := range steps {
		pause(t.Context(), s.at-time.Since(begin))
		t.Log(s)
		running.Go(func() {
			r.journal.note("fault", "%s", s)
			s.strike(t.Context(), r, s.victim, s.neighbour, s.lasts)
			r.journal.note("mended", "%s", s)
		})
	}
}
