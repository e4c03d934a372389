package canary_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// user is somebody with a browser: one stream, which is cut now and then, and requests.
type user struct {
	name      string   // a subject; "u7"
	team      string   // a role; "t1"
	audiences []string // whose canaries it may see; nil is all
	token     string
	house     *house
	leaks     *leaks
	rand      *rand.Rand
	client    *http.Client
	others    *board

	open   sync.Once     // closes opened
	opened chan struct{} // closed when it has a first event ID, from which later streams resume
	last   string        // newest event ID; owned by the stream

	mu    sync.Mutex
	ended map[string]bool // tasks whose end it has seen on its streams; guarded by mu
	reset bool            // a stream has said that it cannot resume; guarded by mu
}

// board holds all tasks: what a user might guess.
type board struct {
	mu    sync.Mutex
	tasks []posted // guarded by mu
}

// posted is a task and whom it is for.
type posted struct{ id, whom string }

func (b *board) add(p posted) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, p)
}

// any returns one that is there, or that was never there.
func (b *board) any(r *rand.Rand) posted {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.tasks) == 0 {
		return posted{"00000000-0000-4000-8000-000000000000", "nobody"}
	}
	return b.tasks[r.IntN(len(b.tasks))]
}

func newUser(t *testing.T, i int, h *house, l *leaks, b *board, seed uint64) *user {
	t.Helper()
	u := &user{
		name: fmt.Sprint("u", i), team: fmt.Sprint("t", i%3), house: h, leaks: l, others: b,
		rand:   rand.New(rand.NewPCG(seed, uint64(i))),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 2}},
		ended:  map[string]bool{}, opened: make(chan struct{}),
	}
	u.audiences = []string{u.name, u.team, "all"}
	u.token = token(t, u.name, map[string]any{"roles": []string{u.team}, "scope": "stream tasks:read tasks:start tasks:cancel audience"})
	return u
}

// ask makes a request at any node and checks all that comes back. A node that is away is
// no answer: status 0.
func (u *user) ask(ctx context.Context, method, path, body string, header ...string) (status int, answer string) {
	node := u.house.nodes[u.rand.IntN(len(u.house.nodes))]
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+node.address+path, strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := u.client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body) // what came is checked
	u.leaks.check(u.name+", "+method+" "+path, string(text)+fmt.Sprint(res.Header), u.audiences)
	return res.StatusCode, string(text)
}

// begin starts a task for an audience whose name its canaries bear, and returns its ID.
func (u *user) begin(ctx context.Context, typ, audience, whom string, n int) string {
	params := map[string]any{"message": canary(whom, "params", n)}
	switch typ {
	case "demo_task":
		params["delay"], params["steps"] = 0.05, 3
	case "failing_task":
		params = map[string]any{"error_message": canary(whom, "error", n), "delay": 0.05}
	}
	body := map[string]any{"type": typ, "params": params}
	if audience != "" {
		body["audience"] = json.RawMessage(audience)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	for range 20 { // a node that is away gives no answer: the key makes it one task
		status, answer := u.ask(ctx, http.MethodPost, "/api/tasks", string(text), "Idempotency-Key", canary(whom, "key", n))
		var started struct {
			ID string `json:"task_id"`
		}
		if status == http.StatusAccepted && json.Unmarshal([]byte(answer), &started) == nil {
			u.others.add(posted{started.ID, whom})
			return started.ID
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(300 * time.Millisecond):
		}
	}
	return ""
}

// newWorker returns somebody who runs tasks of the type "work", and so sees their params.
func newWorker(t *testing.T, h *house, l *leaks, seed uint64) *user {
	t.Helper()
	w := newUser(t, -1, h, l, &board{}, seed)
	w.audiences, w.token = nil, token(t, "worker", map[string]any{"scope": "tasks:work"})
	return w
}

// work runs tasks until ctx ends, with canaries of those who started them in all that it
// reports.
func (u *user) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		if !u.workOnce(ctx, n) {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (u *user) workOnce(ctx context.Context, n int) bool {
	status, answer := u.ask(ctx, http.MethodPost, "/api/workers/claim", `{"types":["work"],"wait":1}`)
	var claimed struct {
		ID     string `json:"task_id"`
		Params struct{ Message string }
		Lease  string
	}
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &claimed) != nil {
		return false
	}
	match := canaries.FindStringSubmatch(claimed.Params.Message)
	if match == nil {
		return false
	}
	whom, path := match[1], "/api/tasks/"+claimed.ID
	report, err := json.Marshal(map[string]any{
		"lease": claimed.Lease, "value": 0.5, "text": canary(whom, "text", n), "stage": 1, "stages": 2, "done": 1, "total": 2, "unit": canary(whom, "unit", n),
	})
	if err != nil {
		return false
	}
	u.ask(ctx, http.MethodPost, path+"/progress", string(report))
	u.ask(ctx, http.MethodPost, path+"/complete", `{"lease":"`+claimed.Lease+`","result":{"rows":"`+canary(whom, "result", n)+`"}}`)
	return true
}

// pry looks for tasks of others in every way that there is.
func (u *user) pry(ctx context.Context, n int) {
	switch n % 4 {
	case 0:
		u.ask(ctx, http.MethodGet, "/api/tasks?limit=200&include=result", "")
	case 1:
		u.ask(ctx, http.MethodGet, "/api/tasks?status=completed&include=result&limit=5", "")
	case 2:
		u.ask(ctx, http.MethodPost, "/api/tasks", `{"type":"failing_task","params":{"delay":"x"}}`, "Idempotency-Key", canary(u.name, "key", u.rand.IntN(3)))
	case 3:
		u.guess(ctx)
	}
}

// guess tries the ID of some task: one that is not for the user must be as if it were not
// there.
func (u *user) guess(ctx context.Context) {
	p := u.others.any(u.rand)
	if slices.Contains(u.audiences, p.whom) {
		return
	}
	path := "/api/tasks/" + p.id
	for _, try := range []struct{ method, path string }{
		{http.MethodGet, path}, {http.MethodGet, path + "/status"}, {http.MethodPost, path + "/cancel"}, {http.MethodDelete, path},
	} {
		status, _ := u.ask(ctx, try.method, try.path, "")
		if status != http.StatusNotFound && status != 0 && status != http.StatusServiceUnavailable {
			u.leaks.add(fmt.Sprintf("a task for %s", p.whom), fmt.Sprintf("%s, %s %s answered %d", u.name, try.method, try.path, status))
		}
	}
}

// listen keeps the user's stream open until ctx ends: it is cut after a while, and comes
// back with the last ID, at any node.
func (u *user) listen(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		u.stream(ctx, dice, time.Duration(200+dice.IntN(1500))*time.Millisecond)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(dice.IntN(100)) * time.Millisecond):
		}
	}
}

// stream reads one stream for so long, and checks every line.
func (u *user) stream(ctx context.Context, dice *rand.Rand, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	at := u.house.streams[dice.IntN(len(u.house.streams))]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/api/sse/stream?request_id=r-"+u.name, http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	if u.last != "" {
		req.Header.Set("Last-Event-ID", u.last)
	}
	res, err := u.client.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	id := u.last
	for lines.Scan() {
		line := lines.Text()
		u.leaks.check(u.name+", a stream", line, u.audiences)
		if given, found := strings.CutPrefix(line, "id: "); found {
			id = given
		}
		if line == "" && id != "" { // only now the client has the event
			u.last = id
			u.open.Do(func() { close(u.opened) })
		}
		u.note(line)
	}
}

// note notes the ends of tasks, and the resets, that a line of the stream tells of.
func (u *user) note(line string) {
	if line == "event: stream_reset" {
		u.mu.Lock()
		u.reset = true
		u.mu.Unlock()
	}
	data, found := strings.CutPrefix(line, "data: ")
	if !found || !strings.Contains(data, `"event_type":"task_`) {
		return
	}
	var ev struct {
		Type string `json:"event_type"`
		ID   string `json:"task_id"`
	}
	if json.Unmarshal([]byte(data), &ev) == nil && (ev.Type == "task_completed" || ev.Type == "task_failed" || ev.Type == "task_cancelled") {
		u.mu.Lock()
		u.ended[ev.ID] = true
		u.mu.Unlock()
	}
}

func (u *user) hasSeenEnd(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended[id]
}

func (u *user) wasReset() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reset
}
