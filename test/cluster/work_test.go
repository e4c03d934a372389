package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"heliograph/test/cluster/check"
)

// user starts tasks on any node, again on another when the answer does not come,
// and cancels some of them from wherever it is.
type user struct {
	name   string
	r      *rig
	random *rand.Rand
	rest   time.Duration // at most, between two tasks
	kinds  []string      // what it starts

	mu      sync.Mutex
	started []check.Started // guarded by mu
}

// kinds are what users start: what ends at once, what takes longer than most
// faults, and what fails.
var kinds = []string{
	`{"type":"demo_task","params":{"steps":3,"delay":0.05}}`,
	`{"type":"demo_task","params":{"steps":5,"delay":0.3}}`,
	`{"type":"long_running_task","params":{"total_time":8,"check_interval":0.5}}`,
	`{"type":"failing_task","params":{"delay":0.5}}`,
}

// live goes on until calm is closed. What was begun is ended then.
func (u *user) live(ctx context.Context, calm <-chan struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%s-%d", u.name, n)
		task := u.start(ctx, key, u.kinds[u.random.IntN(len(u.kinds))])
		if u.random.IntN(4) == 0 {
			u.start(ctx, key, u.kinds[0]) // T14: whatever it says now
		}
		if u.random.IntN(4) == 0 {
			pause(ctx, time.Duration(u.random.Int64N(int64(2*time.Second))))
			u.cancel(ctx, task)
		}
		select {
		case <-calm:
			return
		default:
			pause(ctx, time.Duration(u.random.Int64N(int64(u.rest))))
		}
	}
}

// start starts a task, however often it takes.
func (u *user) start(ctx context.Context, key, body string) (task string) {
	for ctx.Err() == nil {
		var answer struct {
			Task string `json:"task_id"`
		}
		if u.r.post(ctx, u.random.IntN(size), "/api/tasks", key, body, &answer) == http.StatusAccepted {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.r.journal.note(u.name, "has for key %s task %s", key, answer.Task)
			u.started = append(u.started, check.Started{Key: key, Task: answer.Task})
			return answer.Task
		}
		pause(ctx, 100*time.Millisecond)
	}
	return ""
}

// cancel asks once; whether that comes in time is seen in the events.
func (u *user) cancel(ctx context.Context, task string) {
	status := u.r.post(ctx, u.random.IntN(size), "/api/tasks/"+task+"/cancel", "", "", nil)
	u.r.journal.note(u.name, "cancels task %s: %d", task, status)
}

// post asks a node, and returns the status, 0 for no answer.
func (r *rig) post(ctx context.Context, node int, path, key, body string, answer any) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.urls[node]+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	if answer != nil && json.NewDecoder(resp.Body).Decode(answer) != nil {
		return 0
	}
	return resp.StatusCode
}

// tasks is what was started so far.
func (u *user) tasks() []check.Started {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]check.Started(nil), u.started...)
}

// states asks a node for all tasks that it knows.
func (r *rig) states(ctx context.Context, node int) (map[string]check.State, error) {
	states := map[string]check.State{}
	for cursor := ""; ; {
		var page struct {
			Tasks []struct {
				check.State

				ID string `json:"task_id"`
			} `json:"tasks"`
			Next string `json:"next_cursor"`
		}
		if err := r.get(ctx, r.urls[node]+"/api/tasks?limit=100&cursor="+cursor, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Tasks {
			states[t.ID] = t.State
		}
		if cursor = page.Next; cursor == "" {
			return states, nil
		}
	}
}

func (r *rig) get(ctx context.Context, url string, answer any) error {
	text, err := r.text(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), answer)
}

// text reads what is at url.
func (r *rig) text(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(body), err
}
