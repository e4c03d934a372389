package commandtasks_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

func TestRetriesAreThoseOfTheFile(t *testing.T) { // T18
	for entry, want := range map[string]task.Policy{
		`command: [sh]`:                         {},
		"command: [sh]\nretries: {attempts: 3}": {Attempts: 3, RetryFailures: true},
		"command: [sh]\nretries: {attempts: 5, backoff: 10s, max_backoff: 10m, timeouts: true}": {Attempts: 5, Backoff: 10 * time.Second, MaxBackoff: 10 * time.Minute, RetryFailures: true, RetryTimeouts: true},
		"worker: {lease: 45s}\nretries: {attempts: 2, backoff: 2h}":                             {Lease: 45 * time.Second, Attempts: 2, Backoff: 2 * time.Hour, RetryFailures: true},
		"worker: {lease: 45s, attempts: 3, backoff: 2s}":                                        {Lease: 45 * time.Second, Attempts: 3, Backoff: 2 * time.Second}, // as before there were retries
	} {
		types, err := parse("tasks:\n  it:\n    " + strings.ReplaceAll(entry, "\n", "\n    "))
		if err != nil {
			t.Errorf("%s: %v", entry, err)
			continue
		}
		if diff := cmp.Diff(want, types[0].Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", entry, diff)
		}
		if err := types[0].Policy.Check(); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestMistakesInRetriesNameTheirLine(t *testing.T) { // T18, S3
	for entry, want := range map[string]string{
		"command: [sh]\n    retries: {backoff: 1s}":                                "4: a: retries: attempts must be at least 1; the first one counts",
		"command: [sh]\n    retries: {attempts: 0}":                                "4: a: retries: attempts must be at least 1",
		"command: [sh]\n    retries: {attempts: 2, backoff: soon}":                 `4: a: retries: "soon" is not a duration such as 15s or 5m`,
		"command: [sh]\n    retries: {attempts: 2, max_backoff: 0s}":               `4: a: retries: "0s" is not a duration`,
		"command: [sh]\n    retries: {attempts: 2, backoff: 1m, max_backoff: 30s}": "4: a: retries: backoff is 1m0s, more than max_backoff, 30s",
		"command: [sh]\n    retries: {attempts: 2, final_exit: [0]}":               "4: a: retries: final_exit has 0, which is no exit status of a failure: 1 to 255",
		"command: [sh]\n    retries: {attempts: 2, on: all}":                       `4: unknown field "on"`,
		"worker: {}\n    retries: {attempts: 2, final_exit: [1]}":                  `4: a: retries: final_exit is for commands`,
		"worker: {attempts: 2}\n    retries: {attempts: 2}":                        "3: a: worker: attempts and backoff are in retries already",
		"worker: {backoff: 2s}\n    retries: {attempts: 2}":                        "3: a: worker: attempts and backoff are in retries already",
	} {
		if _, err := parse("tasks:\n  a:\n    " + entry); err == nil || !strings.HasPrefix(err.Error(), "tasks.yaml:"+want) {
			t.Errorf("%s gives\n%v, want\ntasks.yaml:%s", entry, err, want)
		}
	}
}

func TestAnExitStatusSaysThatTryingAgainIsUseless(t *testing.T) { // T18
	for _, c := range []struct {
		script, retries string
		final           bool
	}{
		{`exit 65`, "", true},
		{`exit 65`, "retries: {attempts: 2}", true},
		{`echo '{"error":"no such list","code":"NO_LIST"}'; exit 65`, "retries: {attempts: 2}", true},
		{`exit 1`, "retries: {attempts: 2}", false},
		{`exit 65`, "retries: {attempts: 2, final_exit: [1, 2]}", false},
		{`exit 2`, "retries: {attempts: 2, final_exit: [1, 2]}", true},
		{`exit 65`, "retries: {attempts: 2, final_exit: []}", false},
		{`kill -9 $$`, "retries: {attempts: 2}", false},
	} {
		_, err := start(t, handler(t, shell(c.script, c.retries)), ``).end(t)
		if err == nil || errors.Is(err, task.ErrPermanent) != c.final {
			t.Errorf("%s with %s: %v", c.script, c.retries, err)
		}
		if strings.Contains(c.script, "NO_LIST") && (err.Error() != "no such list" || task.CodeOf(err) != "NO_LIST") {
			t.Errorf("%s: %v, %s", c.script, err, task.CodeOf(err))
		}
	}
}
