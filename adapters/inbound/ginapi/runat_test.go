package ginapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestTheTimeOfAStartReachesTheService(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for fields, want := range map[string]time.Time{
			``:                                 {},
			`,"run_at":null,"delay":null`:      {},
			`,"run_at":"2030-01-02T03:04:05Z"`: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
			`,"run_at":"2030-01-02T03:04:05.5+02:00"`: time.Date(2030, 1, 2, 1, 4, 5, 500_000_000, time.UTC),
			`,"run_at":"1999-12-31T23:59:59Z"`:        time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
			`,"delay":0`:                              {},
			`,"delay":90`:                             now.Add(90 * time.Second),
			`,"delay":0.25,"run_at":null`:             now.Add(250 * time.Millisecond),
			`,"delay":31536000`:                       now.Add(365 * 24 * time.Hour),
		} {
			s := newService(t, ginapi.Config{})
			s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, r task.Request) (task.Task, error) {
				if !r.RunAt.Equal(want) {
					t.Errorf("%s: run_at is %s, want %s", fields, r.RunAt, want)
				}
				return pending(knownID), nil
			})
			if a := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task"`+fields+`}`); a.status != http.StatusAccepted {
				t.Errorf("%s: %d %s", fields, a.status, a.body)
			}
		}
	})
}

func TestATimeThatMakesNoSenseIsRefused(t *testing.T) { // T19, S3
	for fields, want := range map[string]struct{ code, word string }{
		`"run_at":"2030-01-02T03:04:05Z","delay":1`:    {"INVALID_RUN_AT", "either"},
		`"run_at":"tomorrow"`:                          {"INVALID_RUN_AT", "tomorrow"},
		`"run_at":""`:                                  {"INVALID_RUN_AT", "RFC 3339"},
		`"run_at":"2030-01-02"`:                        {"INVALID_RUN_AT", "2030-01-02"},
		`"run_at":"2030-01-02T03:04:05"`:               {"INVALID_RUN_AT", "RFC 3339"},
		`"run_at":"2030-02-30T03:04:05Z"`:              {"INVALID_RUN_AT", "RFC 3339"},
		`"run_at":1893553445`:                          {"INVALID_PAYLOAD", "run_at"},
		`"delay":-0.001`:                               {"INVALID_RUN_AT", "negative"},
		`"delay":31536001`:                             {"INVALID_RUN_AT", "31536000"},
		`"delay":1e300`:                                {"INVALID_RUN_AT", "31536000"},
		`"delay":"10"`:                                 {"INVALID_PAYLOAD", "delay"},
		`"claim":true,"delay":0`:                       {"INVALID_RUN_AT", "claims"}, // T20
		`"claim":true,"delay":5`:                       {"INVALID_RUN_AT", "claims"},
		`"claim":true,"run_at":"2020-01-02T03:04:05Z"`: {"INVALID_RUN_AT", "claims"},
	} {
		a := newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task",`+fields+`}`)
		a.wantError(t, http.StatusBadRequest, want.code)
		if !strings.Contains(a.body, want.word) {
			t.Errorf("%s: %s does not say %s", fields, a.body, want.word)
		}
	}
}

func TestWhatCannotBeScheduledIsRefused(t *testing.T) { // T19, T1
	for code, want := range map[string]struct {
		err    error
		status int
	}{
		"INVALID_RUN_AT": {task.ErrInvalidRunAt, http.StatusBadRequest},
		"QUEUE_FULL":     {task.ErrQueueFull, http.StatusServiceUnavailable},
	} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).Return(task.Task{}, want.err)
		a := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","run_at":"2030-01-02T03:04:05Z"}`)
		a.wantError(t, want.status, code)
		if (a.header.Get("Retry-After") != "") != (want.status == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After is %q", code, a.header.Get("Retry-After"))
		}
	}
}

func TestStatusAndListHaveTheTimesToCome(t *testing.T) { // T18, T19
	scheduled, again := pending(knownID), pending(knownID)
	scheduled.RunAt = time.Date(2030, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	scheduled.NotBefore = scheduled.RunAt
	again.Attempt, again.NotBefore, again.Error, again.ErrorCode = 2, scheduled.RunAt, "no luck", "LUCK"
	for want, known := range map[string]task.Task{
		`"run_at":"2030-01-02T03:04:05.5Z","next_at":"2030-01-02T03:04:05.5Z"`: scheduled,
		`"run_at":null,"next_at":"2030-01-02T03:04:05.5Z"`:                     again,
	} {
		s := newService(t, ginapi.Config{})
		got(known, nil)(s)
		listed([]task.Task{known}, "", nil)(s)
		for _, path := range []string{"/api/tasks/" + knownID + "/status", "/api/tasks"} {
			a := s.ask(t, http.MethodGet, path, "")
			if waits := strings.Contains(a.body, `"error":"no luck","code":"LUCK"`); waits != (known.Attempt == 2) {
				t.Errorf("%s: how the last attempt ended is in %s: %t", path, a.body, waits)
			}
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: %s, want %s", path, a.body, want)
			}
		}
	}
}
