package canary_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/test/programs"
)

func TestMain(m *testing.M) { programs.Main(m, 2) }

var seedFlag = flag.Uint64("canary.seed", 0, "the seed of the users' dice; 0 is a new one")

// seed is that of the dice.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("-canary.seed=%d", s)
	return s
}

func TestNobodySeesWhatIsForOthers(t *testing.T) { // A9, A11, A12, A13
	t.Parallel()
	for name, c := range map[string]struct {
		build   func(*testing.T, string) *house
		users   int
		restart bool // a node is killed and comes back with what it knew
	}{
		"in memory":       {inMemory, 100, false},
		"on disk":         {onDisk, 60, true},
		"in a cluster":    {inACluster, 60, true},
		"behind gateways": {behindGateways, 60, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := c.build(t, programs.Plain(t, programs.Heliograph))
			found := run(t, h, c.users, c.restart, true)
			if report := found.report(); report != "" {
				t.Errorf("seen by others:\n%s", report)
			}
			checkLogs(t, h)
		})
	}
}

// checkLogs searches the logs, which are at debug level, for secrets and canaries.
func checkLogs(t *testing.T, h *house) {
	t.Helper()
	log := h.log.String()
	for line := range strings.SplitSeq(log, "\n") {
		if canaries.MatchString(line) || strings.Contains(line, secret) || strings.Contains(line, "eyJhbGciOi") {
			t.Errorf("a log shows a secret or a user's text: %.600s", line)
			break
		}
	}
	if !strings.Contains(log, `"level":"DEBUG"`) {
		t.Error("the logs are not at debug level: nothing was shown")
	}
}

// run has users live in the house, and returns what they saw that is not for them. With
// complete, each must have learned of the end of its own tasks.
func run(t *testing.T, h *house, count int, restart, complete bool) *leaks {
	t.Helper()
	found, ids, dice := newLeaks(), &board{}, seed(t)
	users := make([]*user, count)
	for i := range users {
		users[i] = newUser(t, i, h, found, ids, dice)
	}
	listening, stop := context.WithCancel(t.Context())
	defer stop()
	var streams, acting sync.WaitGroup
	for i, u := range users {
		streams.Go(func() { u.listen(listening, rand.New(rand.NewPCG(dice, uint64(1000+i)))) })
	}
	workers := make([]*user, 4)
	for i := range workers {
		workers[i] = newWorker(t, h, found, dice+uint64(i))
		streams.Go(func() { workers[i].work(listening) })
	}
	own := make([][]string, count)
	for i, u := range users {
		acting.Go(func() { own[i] = u.act(t.Context()) })
	}
	if restart {
		<-time.After(time.Second) // in the midst of it
		h.restart(t, h.nodes[0])
	}
	acting.Wait()
	if complete {
		for i, u := range users {
			u.mustLearn(t, own[i])
		}
	}
	stop()
	streams.Wait()
	resets := 0
	for _, u := range users {
		if u.wasReset() {
			resets++
		}
	}
	t.Logf("%d of %d users were told that a stream could not resume", resets, count)
	for _, u := range slices.Concat(users, workers) {
		u.client.CloseIdleConnections()
	}
	http.DefaultClient.CloseIdleConnections()
	return found
}

// act does what a user does, and returns the IDs of its tasks.
func (u *user) act(ctx context.Context) (own []string) {
	select {
	case <-u.opened:
	case <-ctx.Done():
	}
	for n := range 12 {
		number := u.rand.IntN(1 << 30)
		switch n % 6 {
		case 0:
			own = append(own, u.begin(ctx, "demo_task", "", u.name, number))
		case 1:
			own = append(own, u.begin(ctx, "failing_task", "", u.name, number))
		case 2:
			own = append(own, u.begin(ctx, "work", "", u.name, number))
		case 3:
			own = append(own, u.begin(ctx, "demo_task", `{"roles":["`+u.team+`"]}`, u.team, number))
		case 4:
			own = append(own, u.begin(ctx, "demo_task", `{"request_ids":["r-`+u.name+`"]}`, u.name, number))
		case 5:
			own = append(own, u.begin(ctx, "demo_task", `"everyone"`, "all", number))
		}
		u.pry(ctx, n)
	}
	for range 10 {
		u.guess(ctx)
	}
	return own
}

// mustLearn waits until the user knows of the end of each of its tasks: from its streams,
// through all cuts, or if one of them said that it cannot resume from the task's status
// (rule A13).
func (u *user) mustLearn(t *testing.T, own []string) {
	t.Helper()
	for _, id := range own {
		if id == "" {
			t.Errorf("%s could not start a task", u.name)
			continue
		}
		await(t, fmt.Sprintf("%s learns of the end of its task %s", u.name, id), func() bool {
			return u.hasSeenEnd(id) || u.wasReset() && u.statusSaysEnded(t.Context(), id)
		}, func() string {
			_, answer := u.ask(t.Context(), http.MethodGet, "/api/tasks/"+id, "")
			return answer
		})
	}
}

func (u *user) statusSaysEnded(ctx context.Context, id string) bool {
	status, answer := u.ask(ctx, http.MethodGet, "/api/tasks/"+id, "")
	var task struct{ Status string }
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &task) != nil {
		return status == http.StatusNotFound // memory forgets with its node
	}
	return task.Status == "completed" || task.Status == "failed" || task.Status == "cancelled"
}
