package e2e_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// Final events are sent in the background, after the records: a crash in between is
// made up for by the next life, and one behind the event repeats nothing.
func TestTasksThatEndWhileTheServiceIsKilledHaveOneFinalEvent(t *testing.T) { // T11, T12
	t.Parallel()
	for name, broker := range map[string]func(*testing.T) []string{
		"DATA_DIR": func(t *testing.T) []string { return []string{"DATA_DIR=" + t.TempDir()} },
		"NATS_URL": func(t *testing.T) []string {
			return []string{"NATS_URL=" + natsserver.Start(t).URL(), "NODE_NAME=node", "NODE_LEASE=1s"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := 12
			if testing.Short() {
				rounds = 3
			}
			s := start(t, append(broker(t), versionless, "TASK_MAX_WORKERS=16")...)
			client := s.newClient("me")
			var got record
			var tasks []string
			for range rounds {
				st := open(t, client)
				tasks = append(tasks, s.startUntilKilled(t, st, 1+rand.IntN(40))...)
				await(t, "the end of the stream", st.Done())
				got.add(t, st.Stream)
				s.again(t)
			}
			st := open(t, client)
			eventually(t, "every task has a final event", func() bool {
				ends := finalEvents(t, got.log, st.Events())
				for _, id := range tasks {
					if ends[id] == 0 {
						return false
					}
				}
				return true
			})
			last := s.startTask(t, `{"type":"demo_task","params":{"steps":0}}`) // whatever is sent again comes before
			st.awaitTask(t, last, "task_completed")
			got.add(t, st.Stream)
			if got.resets != 0 {
				t.Errorf("G3: %d streams began with a reset", got.resets)
			}
			for id, n := range finalEvents(t, got.log, nil) {
				if n != 1 {
					t.Errorf("T11: task %s has %d final events, want 1", id, n)
				}
			}
			for _, id := range tasks {
				if status := s.status(t, id).Status; status != "completed" && status != "failed" {
					t.Errorf("task %s is %s", id, status)
				}
			}
			t.Logf("%d tasks in %d lives", len(tasks), rounds+1)
		})
	}
}

// startUntilKilled starts tasks from many callers until so many ends have come, and kills
// the service then. It returns the tasks of which it has an answer.
func (s *service) startUntilKilled(t *testing.T, st *stream, ends int) (tasks []string) {
	t.Helper()
	var mu sync.Mutex
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/tasks", strings.NewReader(`{"type":"demo_task","params":{"delay":0,"steps":0}}`))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				got, err := send(s.client, req)
				if err != nil {
					return // it was killed
				}
				if got.status != http.StatusAccepted { // its queue is full
					continue
				}
				var started struct {
					TaskID string `json:"task_id"`
				}
				got.into(t, &started)
				mu.Lock()
				tasks = append(tasks, started.TaskID)
				mu.Unlock()
			}
		})
	}
	seen := 0
	st.await(t, "ends of tasks", func(e sseclient.Event) bool {
		if e.Name == "task_event" && strings.Contains(e.Data, `"task_completed"`) {
			seen++
		}
		return seen >= ends
	})
	s.kill(t)
	callers.Wait()
	return tasks
}

// finalEvents counts those of each task in both.
func finalEvents(t *testing.T, before, now []sseclient.Event) map[string]int {
	t.Helper()
	ends := make(map[string]int)
	for _, events := range [][]sseclient.Event{before, logEvents(now)} {
		for _, e := range events {
			switch te := decode[taskEvent](t, e.Data); te.Type {
			case "task_failed", "task_completed", "task_cancelled":
				ends[te.TaskID]++
			}
		}
	}
	return ends
}
