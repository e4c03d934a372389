package apiclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

var (
	gone   = answers(http.StatusNotFound, `{"error":{"code":"TASK_NOT_FOUND","message":"task not found"}}`)
	refuse = func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	down   = func() (*http.Response, error) { return nil, errors.New("connection refused") }
)

// followed is what a follower was shown, as "seq status text", and how it ended.
type followed struct {
	shown []string
	last  taskjson.Task
	err   error
	took  time.Duration
}

// follow follows a pending task to its end, in time that is the test's own.
func follow(t *testing.T, s *service) (f followed) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f.last, f.err = s.client(t).Follow(t.Context(), taskjson.Task{ID: id, Type: "t", Status: task.Pending}, func(t taskjson.Task) {
			f.shown = append(f.shown, fmt.Sprint(t.Seq, " ", t.Status, " ", t.Progress.Text))
		})
		f.took = time.Since(begin)
	})
	return f
}

type (
	streams  = []func(*http.Request) (*http.Response, error)
	statuses = []func() (*http.Response, error)
)

const fin = `"fin"`

func TestFollow(t *testing.T) {
	ended := []string{"0 pending ", "9 completed "}
	envelope := func(typ, payload string) string {
		return fmt.Sprintf("data: {\"type\":%q,\"payload\":%s}\n\n", typ, payload)
	}
	for name, c := range map[string]struct {
		service service
		want    []string
	}{
		"a task is shown as its events tell": {
			service{
				streams: streams{hangs(snapshot(entry(0, "")), event(task.EventStarted, 1, "null"),
					event(task.EventProgress, 2, `{"text":"half","value":0.5}`), event(task.EventCompleted, 9, fin))},
				statuses: statuses{is(task.Completed, 9, fin)},
			},
			[]string{"0 pending ", "0 running ", "1 running ", "2 running half", "9 completed "},
		},
		"T3: what happens to a task beside its work is shown": {
			service{
				streams: streams{hangs(event(task.EventQueued, 1, "null"), event(task.EventStarted, 2, "null"), event(task.EventCancelRequested, 3, "null"),
					event("task_painted", 4, "null"), event(task.EventRemoved, 9, "null"))},
				statuses: statuses{is(task.Completed, 8, fin)},
			},
			[]string{"0 pending ", "1 pending ", "2 running ", "3 running ", "4 running ", "8 completed "},
		},
		"T3: an older seq is never shown": {
			service{
				streams: streams{hangs(event(task.EventProgress, 5, `{"text":"new","value":0.5}`), event(task.EventProgress, 4, `{"text":"old","value":0.4}`),
					snapshot(entry(3, "older")), event(task.EventCompleted, 9, fin))},
				statuses: statuses{is(task.Completed, 9, fin)},
			},
			[]string{"0 pending ", "5 running new", "9 completed "},
		},
		"a task that no snapshot has is asked for": {
			service{streams: streams{hangs(snapshot())}, statuses: statuses{is(task.Completed, 9, fin)}}, ended,
		},
		"a snapshot in parts has the task in any of them": {
			service{
				streams: streams{hangs(sse("e-1", "task_snapshot", `{"tasks":[`+entry(2, "x")+`],"more":true}`), snapshot(),
					event(task.EventCompleted, 9, fin))},
				statuses: statuses{is(task.Completed, 9, fin)},
			},
			[]string{"0 pending ", "2 running x", "9 completed "},
		},
		"G3: after a reset the status is asked for": {
			service{streams: streams{hangs(sse("e-1", "stream_reset", `{"reason":"epoch"}`))}, statuses: statuses{is(task.Completed, 9, fin)}}, ended,
		},
		"the envelope format is understood": {
			service{
				streams: streams{hangs("event: ready\ndata:\n\n", envelope("task_snapshot", `{"tasks":[`+entry(2, "x")+`]}`),
					envelope("task_event", `{"event_type":"task_completed","task_id":"`+id+`","seq":9,"attempt":1,"data":"fin"}`))},
				statuses: statuses{is(task.Completed, 9, fin)},
			},
			[]string{"0 pending ", "2 running x", "9 completed "},
		},
		"other tasks, other events and nonsense are passed over": {
			service{
				streams: streams{hangs(sse("e-1", "version", `{"version":"1"}`), sse("e-1", "task_event", `{"task_id":"other","seq":3}`),
					sse("e-1", "task_event", `nonsense`), sse("e-1", "task_snapshot", `[]`), "data: x\n\n", event(task.EventCompleted, 9, fin))},
				statuses: statuses{is(task.Completed, 9, fin)},
			},
			ended,
		},
		"a stream that breaks is resumed": {
			service{streams: streams{says(event(task.EventStarted, 1, "null")), refuse, hangs(event(task.EventCompleted, 9, fin))}, statuses: statuses{is(task.Completed, 9, fin)}},
			[]string{"0 pending ", "1 running ", "9 completed "},
		},
		"a stream that falls silent is opened anew": {
			service{streams: streams{hangs(event(task.EventStarted, 1, "null")), hangs(event(task.EventCompleted, 9, fin))}, statuses: statuses{is(task.Completed, 9, fin)}},
			[]string{"0 pending ", "1 running ", "9 completed "},
		},
		"without a stream the status is asked for again and again": {
			service{streams: streams{refuses}, statuses: statuses{is(task.Running, 1, "null"), down, is(task.Running, 2, "null"), is(task.Completed, 9, fin)}},
			[]string{"0 pending ", "1 running ", "2 running ", "9 completed "},
		},
		"a service that cannot be asked any more has sent the outcome": {
			service{streams: streams{hangs(event(task.EventCompleted, 9, fin))}, statuses: statuses{down}}, ended,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, &c.service)
			if diff := cmp.Diff(c.want, f.shown); diff != "" || f.err != nil {
				t.Errorf("error %v; shown (-want +got):\n%s", f.err, diff)
			}
			if string(f.last.Result) != fin {
				t.Errorf("the result is %s", f.last.Result)
			}
		})
	}
}

func TestFollowResumesTheStream(t *testing.T) { // G2
	s := &service{streams: streams{says(event(task.EventStarted, 1, "null")), hangs(event(task.EventCompleted, 9, fin))}, statuses: statuses{is(task.Completed, 9, fin)}}
	follow(t, s)
	first, second := s.requests[0], s.requests[1]
	if second.Header.Get("Last-Event-ID") != "e-1" || first.URL.String() != second.URL.String() {
		t.Errorf("first %s, then %s from %q", first.URL, second.URL, second.Header.Get("Last-Event-ID"))
	}
}

func TestFollowFailsForAForgottenTask(t *testing.T) {
	for name, s := range map[string]*service{
		"after a restart":  {streams: streams{hangs(sse("e-1", "stream_reset", `{"reason":"epoch"}`))}, statuses: statuses{gone}},
		"without a stream": {streams: streams{refuses}, statuses: statuses{gone}},
	} {
		f := follow(t, s)
		if refused, ok := errors.AsType[*apiclient.Error](f.err); !ok || refused.Code != "TASK_NOT_FOUND" {
			t.Errorf("%s: %v", name, f.err)
		}
	}
}

func TestFollowGivesUpOnAnUnreachableService(t *testing.T) {
	for name, s := range map[string]*service{
		"with a stream":    {streams: streams{says(event(task.EventStarted, 1, "null")), refuse}, statuses: statuses{down}},
		"without a stream": {streams: streams{refuses}, statuses: statuses{down}},
		"after a reset":    {streams: streams{hangs(sse("e-1", "stream_reset", `{"reason":"epoch"}`))}, statuses: statuses{down}},
	} {
		f := follow(t, s)
		if !errors.Is(f.err, apiclient.ErrUnreachable) || f.took < 20*time.Second || f.took > 2*time.Minute {
			t.Errorf("%s: %v after %s", name, f.err, f.took)
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		s := &service{streams: streams{hangs(snapshot(entry(1, "")))}}
		if _, err := s.client(t).Follow(ctx, taskjson.Task{ID: id}, func(taskjson.Task) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
