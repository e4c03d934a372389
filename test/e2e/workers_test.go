package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

// brief is a lease that a test can wait to lose.
const brief = "1s"

// The reference workers are killed at random while 200 tasks run: every task
// ends exactly once, and truthfully (T2, T3, T7, T11).
func TestEveryTaskEndsOnceWhileWorkersAreKilled(t *testing.T) {
	const tasks, kills = 200, 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := start(t, workersFile(t, brief), "LOG_LEVEL=info")
	st := s.stream(t, "checker")
	orders, ids := map[string]*order{}, []string{}
	for range tasks {
		o := &order{Steps: 1 + random.IntN(12), Delay: 0.015}
		if random.IntN(10) == 0 {
			o.Error = fmt.Sprintf("broken %d", random.Uint32())
		}
		id := s.startCount(t, o)
		orders[id], ids = o, append(ids, id)
	}
	workers := newFleet(t, s, 2)
	for killed, done := 0, 0; done < tasks; {
		before := done
		eventually(t, "another task has ended", func() bool {
			if killed < kills && killed <= done/4 { // no faster than the work goes on
				killed++
				workers.replace(t, random)
			}
			if id := ids[random.IntN(tasks)]; random.IntN(8) == 0 {
				got := s.call(t, http.MethodPost, "/api/tasks/"+id+"/cancel", "")
				orders[id].cancelled = orders[id].cancelled || got.status == http.StatusOK
			}
			_, done = st.byTask(t)
			return done > before
		})
	}
	events, ended := st.byTask(t)
	outcomes, again := map[string]int{}, 0
	for id, o := range orders {
		status := s.status(t, id)
		checkTruth(t, id, o, events[id], status)
		outcomes[status.Status]++
		again += status.Attempt - 1
	}
	if ended != tasks || again == 0 {
		t.Errorf("T11: %d tasks have %d ends; %d attempts were repeated", tasks, ended, again)
	}
	t.Logf("%d attempts repeated, outcomes %v", again, outcomes)
}

// startCount starts a task of the sample workers.
func (s *service) startCount(t *testing.T, o *order) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"type": "count", "params": o})
	if err != nil {
		t.Fatal(err)
	}
	return s.startTask(t, string(body))
}

// claimed is what a worker gets.
type claimed struct {
	TaskID  string `json:"task_id"`
	Lease   string
	Attempt int
	Params  json.RawMessage
	Labels  map[string]string
}

const claimCount = `{"types":["count"],"wait":30}`

func (s *service) claim(t *testing.T) (c claimed) {
	t.Helper()
	s.must(t, http.StatusOK, http.MethodPost, "/api/workers/claim", claimCount).into(t, &c)
	return c
}

// say posts what a worker says of its task.
func (s *service) say(t *testing.T, c claimed, how, fields string) answer {
	t.Helper()
	return s.call(t, http.MethodPost, "/api/tasks/"+c.TaskID+"/"+how, fmt.Sprintf(`{"lease":%q%s}`, c.Lease, fields))
}

func TestALateCallWithAnOldLeaseChangesNothing(t *testing.T) { // T2
	t.Parallel()
	s := start(t, workersFile(t, brief))
	s.startCount(t, &order{Steps: 1})
	old := s.claim(t)
	now := s.claim(t) // waits until the first lease is lost
	if now.TaskID != old.TaskID || now.Attempt != 2 || now.Lease == old.Lease {
		t.Fatalf("first %+v, then %+v", old, now)
	}
	if got := s.say(t, now, "progress", `,"text":"new","value":0.5`); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	before := s.status(t, now.TaskID)
	for how, fields := range map[string]string{"progress": `,"value":0.9`, "complete": `,"result":"old"`, "fail": `,"error":"old"`} {
		if got := s.say(t, old, how, fields); got.status != http.StatusConflict || got.code() != "LEASE_LOST" {
			t.Errorf("%s with the old lease: %d %s", how, got.status, got.body)
		}
	}
	if after := s.status(t, now.TaskID); after.Seq != before.Seq || after.Status != "running" || after.Progress.Text != "new" {
		t.Errorf("before %+v, after %+v", before, after)
	}
	for range 2 { // the second time as if no answer had come
		if got := s.say(t, now, "complete", `,"result":"new"`); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if got := s.status(t, now.TaskID); string(got.Result) != `"new"` || got.Attempt != 2 {
		t.Errorf("in the end %+v", got)
	}
}

// claimInBackground claims a task, and returns when the service has the request.
func (s *service) claimInBackground(ctx context.Context, t *testing.T) <-chan answer {
	t.Helper()
	sent, got := make(chan struct{}), make(chan answer, 1)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/workers/claim", strings.NewReader(claimCount))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		a, _ := send(s.client, req) // an error is a status of 0
		got <- a
	}()
	await(t, "the claim is sent", sent)
	s.must(t, http.StatusOK, http.MethodGet, "/healthz", "") // after which the claim has come, too
	return got
}

func TestAbandonedClaimTakesNoTask(t *testing.T) {
	t.Parallel()
	s := start(t, workersFile(t, brief))
	ctx, leave := context.WithCancel(t.Context())
	gone := s.claimInBackground(ctx, t)
	leave()
	if a := await(t, "the claim's end", gone); a.status != 0 {
		t.Fatalf("a claim that was left was answered with %d %s", a.status, a.body)
	}
	eventually(t, "the service knows that the client is gone", func() bool {
		return strings.Contains(s.logs.String(), `"path":"/api/workers/claim"`)
	})
	id := s.startCount(t, &order{Steps: 1})
	if c := s.claim(t); c.TaskID != id || c.Attempt != 1 {
		t.Errorf("claimed %+v, want the first attempt at %s", c, id)
	}
}

func TestWorkerLearnsOfACancellation(t *testing.T) { // T7
	t.Parallel()
	s := start(t, workersFile(t, brief))
	s.startCount(t, &order{Steps: 1})
	c := s.claim(t)
	s.must(t, http.StatusOK, http.MethodPost, "/api/tasks/"+c.TaskID+"/cancel", "")
	eventually(t, "the worker learns of it", func() bool {
		return sameJSON(t, string(s.say(t, c, "progress", "").body), `{"cancel_requested":true}`)
	})
	s.say(t, c, "fail", `,"error":"stopped"`)
	if got := s.status(t, c.TaskID); got.Status != "cancelled" || got.Error != nil {
		t.Errorf("T7: %+v", got)
	}
}

func TestALargeResultGoesByReference(t *testing.T) { // E8
	t.Parallel()
	s := start(t, workersFile(t, "1m"))
	st := s.stream(t, "me")
	s.startCount(t, &order{Steps: 1})
	c, large := s.claim(t), `"`+strings.Repeat("x", 4<<20)+`"`
	if got := s.say(t, c, "complete", `,"result":`+large); got.status != http.StatusOK {
		t.Fatalf("%d %.300s", got.status, got.body)
	}
	if e := st.awaitTask(t, c.TaskID, "task_completed"); !e.Truncated || string(e.Data) != "null" {
		t.Errorf("the event has %d bytes of data, truncated is %t", len(e.Data), e.Truncated)
	}
	if got := s.status(t, c.TaskID); string(got.Result) != large {
		t.Errorf("the status has %d bytes of it", len(got.Result))
	}
	if list := s.must(t, http.StatusOK, http.MethodGet, "/api/tasks?type=count&status=completed&limit=1", ""); len(list.body) > 4<<10 || !strings.Contains(string(list.body), `"truncated":true`) {
		t.Errorf("the list has %d bytes: %.300s", len(list.body), list.body)
	}
	if got := s.say(t, c, "complete", `,"result":"`+strings.Repeat("x", 16<<20)+`"`); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("over the limit: %d %.300s", got.status, got.body)
	}
}

func TestAWaitingClaimEndsWithTheService(t *testing.T) { // T15
	t.Parallel()
	s := start(t, workersFile(t, brief))
	got := s.claimInBackground(t.Context(), t)
	s.terminate(t)
	if a := await(t, "the claim's answer", got); a.status != http.StatusServiceUnavailable || a.code() != "SHUTTING_DOWN" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
