package taskcli_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/inbound/taskcli"
)

func TestExitStatusIsTheOutcome(t *testing.T) {
	for _, c := range []struct {
		outcome, result, failure string
		status                   int
		out, summary             string
	}{
		{"completed", `{"a":"<&>"}`, `null`, taskcli.Completed, `{"a":"<&>"}` + "\n", "completed after 1.5s"},
		{"completed", `null`, `null`, taskcli.Completed, "null\n", "completed after 1.5s"},
		{"failed", `null`, `"no \u001b]0;disk\nat all"`, taskcli.Failed, "", "failed: no  ]0;disk at all"},
		{"cancelled", `null`, `null`, taskcli.Cancelled, "", "cancelled after 1.5s"},
	} {
		for _, interactive := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &service{}
				call := run(t, s, taskcli.Options{}, interactive)
				s.sendEvent(t, "task_started", "null")
				s.end(t, c.outcome, c.result, c.failure)
				call.ends(t, c.status, c.out)
				if said := call.said(); !strings.Contains(said, "heliograph: "+c.summary+"\n") {
					t.Errorf("no %q in:\n%s", c.summary, said)
				}
			})
		}
	}
}

func TestJSONPrintsTheWholeTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{JSON: true}, false)
		s.end(t, "failed", `null`, `"no disk"`)
		call.ends(t, taskcli.Failed, s.final+"\n")
	})
}

func TestDetachingPrintsTheID(t *testing.T) {
	for json, want := range map[bool]string{false: id + "\n", true: `{"status":"pending","task_id":"` + id + `"}` + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			run(t, &service{}, taskcli.Options{Detach: true, JSON: json}, false).ends(t, taskcli.Completed, want)
		})
	}
}

func TestFailedOutputIsAFailure(t *testing.T) {
	_, full := io.Pipe()
	_ = full.Close()
	for _, json := range []bool{false, true} {
		status := taskcli.Run(t.Context(),
			taskcli.Options{URL: "http://service", Type: "t", Detach: true, JSON: json},
			taskcli.Terminal{Out: full, Err: io.Discard, Transport: &service{}})
		if status != taskcli.Failed {
			t.Errorf("exit status %d", status)
		}
	}
}

func TestStartErrorsAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		service *service
		options taskcli.Options
		status  int
		said    string
	}{
		"an unknown type":         {&service{refusal: "UNKNOWN_TASK_TYPE"}, taskcli.Options{}, taskcli.Usage, "heliograph: no  [31m (UNKNOWN_TASK_TYPE)\n"},
		"params of no object":     {&service{}, taskcli.Options{Params: "[]"}, taskcli.Usage, "heliograph: bad usage: --params must be a JSON object\n"},
		"a param without name":    {&service{}, taskcli.Options{Pairs: []string{"=1"}}, taskcli.Usage, "heliograph: bad usage: -p =1: want name=value\n"},
		"a label without a value": {&service{}, taskcli.Options{Labels: []string{"page"}}, taskcli.Usage, "heliograph: bad usage: --label page: want key=value, each key once\n"},
		"a label twice":           {&service{}, taskcli.Options{Labels: []string{"a=1", "a=2"}}, taskcli.Usage, "heliograph: bad usage: --label a=2: want key=value, each key once\n"},
		"a label that is none":    {&service{}, taskcli.Options{Labels: []string{"a b=1"}}, taskcli.Usage, "heliograph: bad usage: --label: invalid labels: the key \"a b\""},
		"no service":              {&service{gone: true}, taskcli.Options{}, taskcli.Lost, "heliograph: the service cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				call := run(t, c.service, c.options, false)
				call.ends(t, c.status, "")
				if said := call.said(); !strings.HasPrefix(said, c.said) {
					t.Errorf("it said %q, want %q", said, c.said)
				}
			})
		})
	}
}

func TestUnreachableServiceEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, false)
		s.mu.Lock()
		s.gone = true
		_ = s.stream.Close()
		s.mu.Unlock()
		call.ends(t, taskcli.Lost, "")
	})
}

func TestParamsFollowTheSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{Params: `{"steps":1,"other":true}`, Pairs: []string{"steps=5", "name=7"}, Detach: true}, false)
		call.ends(t, taskcli.Completed, id+"\n")
		if diff := cmp.Diff([]string{`{"type":"t","params":{"name":"7","other":true,"steps":5}}`}, s.started); diff != "" {
			t.Errorf("started (-want +got):\n%s", diff)
		}
	})
}

func TestLabelsAreSent(t *testing.T) { // T16
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		run(t, s, taskcli.Options{Labels: []string{"page=exports", "query=a=b", "empty="}, Detach: true}, false).ends(t, taskcli.Completed, id+"\n")
		if diff := cmp.Diff([]string{`{"type":"t","params":null,"labels":{"empty":"","page":"exports","query":"a=b"}}`}, s.started); diff != "" {
			t.Errorf("started (-want +got):\n%s", diff)
		}
	})
}

func TestATaskCanRunLater(t *testing.T) { // T19
	for want, options := range map[string]taskcli.Options{
		`{"type":"t","params":null,"run_at":"2030-01-02T03:04:05Z"}`: {RunAt: "2030-01-02T03:04:05Z"},
		`{"type":"t","params":null,"delay":90.5}`:                    {Delay: 90500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{}
			call := run(t, s, options, false)
			s.send(t, "task_snapshot", `{"tasks":[{"task_id":"`+id+`","status":"pending","seq":0,"attempt":1,"run_at":"2030-01-02T03:04:05Z","next_at":"2030-01-02T03:04:05Z"}]}`)
			s.sendEvent(t, "task_started", "null")
			<-time.After(2 * time.Second)
			s.end(t, "completed", "1", "null")
			call.ends(t, taskcli.Completed, "1\n")
			at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Local().Format(time.DateTime)
			if said := call.said(); !strings.Contains(said, "pending    0 %  until "+at+"\n") || !strings.Contains(said, "running    0 %\n") {
				t.Errorf("it said %q", said)
			}
			if s.started[0] != want {
				t.Errorf("started is %s, want %s", s.started[0], want)
			}
		})
	}
}

func TestATaskThatIsTriedAgainSaysWhyAndWhen(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, false)
		s.sendEvent(t, "task_started", "null")
		<-time.After(2 * time.Second)
		s.sendEvent(t, "task_retrying", `{"error":"no disk\nat all","attempt":2,"next_at":"2030-01-02T03:04:05Z"}`)
		<-time.After(2 * time.Second)
		s.sendEvent(t, "task_started", "null")
		<-time.After(2 * time.Second)
		s.end(t, "completed", "1", "null")
		call.ends(t, taskcli.Completed, "1\n")
		at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Local().Format(time.DateTime)
		if said, want := call.said(), "pending    0 %  until "+at+", attempt 2, after: no disk at all\nrunning    0 %\n"; !strings.Contains(said, want) {
			t.Errorf("it said %q, want %q", said, want)
		}
	})
}

func TestWithoutATerminalThereIsAtMostOneLineASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, false)
		for i := range 40 { // four seconds
			s.progress(t, "step\x1b[2J\n"+strings.Repeat("i", i), float64(i)/40)
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(10 * time.Second) // nothing new
		s.end(t, "completed", "1", "null")
		call.ends(t, taskcli.Completed, "1\n")
		said := call.said()
		if lines := strings.Count(said, "\n"); lines < 6 || lines > 8 { // begin, one a second, the last progress, end
			t.Errorf("%d lines:\n%s", lines, said)
		}
		if last := "running   98 %  step [2J " + strings.Repeat("i", 39) + "\n"; strings.Count(said, last) != 1 || strings.Contains(said, "\x1b") {
			t.Errorf("not once, in one plain line: %q in\n%s", last, said)
		}
	})
}

func TestTerminalShowsABarAndClearsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, true)
		s.progress(t, strings.Repeat("長い\x1b[2J", 40), 0.5)
		s.sendEvent(t, "progress_update", `{"text":"","value":1,"stage":2,"stages":3,"done":1048576,"total":2097152,"unit":"bytes"}`)
		s.sendEvent(t, "progress_update", `{"text":"","value":1,"done":1234,"total":5678.25,"unit":"files"}`)
		s.sendEvent(t, "progress_update", `{"text":"","value":1,"done":7,"unit":"rows"}`)
		s.sendEvent(t, "task_started", `null`) // the next attempt begins anew
		s.end(t, "completed", "1", "null")
		call.ends(t, taskcli.Completed, "1\n")
		said := call.said()
		for _, want := range []string{"50% |██████████          |", "長い [2J長…", "stage 2/3, 1.0 MiB/2.0 MiB", "1,234/5,678.3 files", "7 rows", "0% |                    |", "\x1b[2K\rheliograph: completed"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in %q", want, said)
			}
		}
		if strings.Contains(said, "\x1b[2J") {
			t.Errorf("the task's text commands the terminal: %q", said)
		}
	})
}

func TestInterruptWithoutATerminalCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, false)
		call.signals <- os.Interrupt
		call.signals <- os.Interrupt // passed on by a parent process
		call.runs(t)
		if s.cancels != 1 {
			t.Errorf("%d cancellations", s.cancels)
		}
		<-time.After(2 * time.Second)
		if said := call.said(); !strings.Contains(said, "stopping") {
			t.Errorf("it does not say that the task stops:\n%s", said)
		}
		s.end(t, "cancelled", "null", "null")
		call.ends(t, taskcli.Cancelled, "")
	})
}

func TestSecondInterruptDetaches(t *testing.T) {
	for _, interactive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			call := run(t, &service{}, taskcli.Options{}, interactive)
			call.signals <- os.Interrupt
			<-time.After(time.Second)
			call.signals <- os.Interrupt
			call.ends(t, taskcli.Left, "")
			if said := call.said(); !strings.Contains(said, "left; task "+id+" goes on") {
				t.Errorf("it does not say that the task goes on:\n%s", said)
			}
			_ = call.person.Close()
		})
	}
}

func TestOtherSignalsDetachAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := run(t, &service{}, taskcli.Options{}, true)
		call.signals <- syscall.SIGTERM
		call.ends(t, taskcli.Left, "")
	})
}

func TestInterruptOnATerminalAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{}, true)
		call.signals <- os.Interrupt
		question := call.said()
		s.progress(t, "meanwhile", 0.5)
		if said := call.said(); said != question || !strings.Contains(said, "c = cancel") {
			t.Errorf("the question does not stand: %q", said)
		}
		call.types(t, "no")
		if said := call.said(); !strings.Contains(said, "meanwhile") || s.cancels != 0 {
			t.Errorf("%d cancellations, and %q", s.cancels, said)
		}
		call.types(t, "c") // to no question
		call.signals <- os.Interrupt
		synctest.Wait()
		call.types(t, " C ")
		if s.cancels != 1 {
			t.Errorf("%d cancellations", s.cancels)
		}
		call.signals <- os.Interrupt
		synctest.Wait()
		call.types(t, "d")
		call.ends(t, taskcli.Left, "")
		_ = call.person.Close()
	})
}
