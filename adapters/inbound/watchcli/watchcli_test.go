package watchcli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/adapters/inbound/watchcli"
	"heliograph/adapters/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a transport that is a whole service. It needs no socket, so that time can be a
// test's own.
type service struct {
	mu       sync.Mutex
	refusal  int            // what a stream is refused with; 0 opens it, -1 cannot be reached
	stream   *io.PipeWriter // the open stream
	requests []*http.Request
	labels   string // of every task, as JSON; "" knows none
	asked    int    // how often for a task
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taskID, ok := strings.CutPrefix(req.URL.Path, "/api/tasks/"); ok {
		s.asked++
		if s.labels == "" {
			return answer(http.StatusNotFound, "application/json", strings.NewReader(`{"error":{"code":"TASK_NOT_FOUND","message":"no"}}`)), nil
		}
		return answer(http.StatusOK, "application/json", strings.NewReader(`{"task_id":"`+taskID+`","labels":`+s.labels+`}`)), nil
	}
	s.requests = append(s.requests, req)
	switch s.refusal {
	case 0:
		body, stream := io.Pipe()
		context.AfterFunc(req.Context(), func() { _ = stream.CloseWithError(req.Context().Err()) })
		s.stream = stream
		return answer(http.StatusOK, "text/event-stream", body), nil
	case -1:
		return nil, errors.New("connection refused")
	}
	return answer(s.refusal, "application/json", strings.NewReader(`{"error":{"code":"NO","message":"not now"}}`)), nil
}

func answer(status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body)}
}

func (s *service) refuses(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = status
}

// send sends an event on the open stream, and waits until it was taken.
func (s *service) send(t *testing.T, id, name, data string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	text := fmt.Sprintf("data: %s\n\n", data)
	if name != "" {
		text = "event: " + name + "\n" + text
	}
	if id != "" {
		text = "id: " + id + "\n" + text
	}
	if _, err := io.WriteString(stream, text); err != nil {
		t.Errorf("the stream is closed: %v", err)
	}
	synctest.Wait()
}

// breaks ends the stream.
func (s *service) breaks() {
	synctest.Wait()
	s.mu.Lock()
	stream := s.stream
	s.mu.Unlock()
	_ = stream.CloseWithError(io.ErrUnexpectedEOF)
	synctest.Wait()
}

// taskEvent is the data of one.
func taskEvent(taskID, typ, event string, seq int, data string) string {
	return fmt.Sprintf(`{"event_type":%q,"task_id":%q,"type":%q,"created_at":"2026-01-02T03:04:05Z","timestamp":"2026-01-02T03:04:0%dZ","seq":%d,"attempt":1,"data":%s}`,
		event, taskID, typ, min(5+seq, 9), seq, data)
}

func listed(taskID, typ, status string, seq int, labels string) string {
	return fmt.Sprintf(`{"task_id":%q,"type":%q,"created_at":"2026-01-02T03:04:05Z","status":%q,"cancel_requested":false,"progress":{"text":"","value":0.5},"seq":%d,"attempt":1,"labels":%s}`,
		taskID, typ, status, seq, labels)
}

// watching is one call of the program, in a bubble of its own time.
type watching struct {
	stop   context.CancelFunc
	status chan int

	mu       sync.Mutex
	out, err bytes.Buffer
}

type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// watch starts the program, with a terminal of that many columns and eight lines; 0 is none.
func watch(t *testing.T, s *service, o watchcli.Options, width int) *watching {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &watching{stop: stop, status: make(chan int, 1)}
	go func() {
		w.status <- watchcli.Run(ctx, cli.Service{URL: "http://service", Token: "t0ken"}, o, cli.Terminal{
			Out: locked{&w.mu, &w.out}, Err: locked{&w.mu, &w.err}, Width: func() int { return width }, Height: func() int { return 8 }, Transport: s,
		})
	}()
	synctest.Wait()
	return w
}

// printed returns what stands on standard output, and on the other, and forgets it.
func (w *watching) printed() (out, said string) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	out, said = w.out.String(), w.err.String()
	w.out.Reset()
	w.err.Reset()
	return out, said
}

// frame returns what was drawn after a while.
func (w *watching) frame(t *testing.T) string {
	t.Helper()
	<-time.After(time.Second)
	out, said := w.printed()
	if said != "" {
		t.Errorf("on standard error: %q", said)
	}
	return out
}

// ends stops it as Ctrl-C does.
func (w *watching) ends(t *testing.T) {
	t.Helper()
	w.stop()
	if status := <-w.status; status != cli.Done {
		t.Errorf("exit status %d", status)
	}
}

func TestEventsAreLinesOfJSON(t *testing.T) { // W9
	for _, width := range []int{0, 80} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{}
			w := watch(t, s, watchcli.Options{JSON: width > 0, From: "e-0"}, width)
			s.send(t, "", "ping", `{"interval":15}`)
			s.send(t, "e-1", "version", `{"version":"<1>"}`)
			s.send(t, "e-2", "order.changed", `no JSON "at" all`)
			s.send(t, "e-3", "", `{"type":"enveloped","payload":{"a":1}}`)
			out, said := w.printed()
			want := `{"id":"e-1","event":"version","data":{"version":"<1>"}}` + "\n" + `{"id":"e-2","event":"order.changed","data":"no JSON \"at\" all"}` + "\n" + `{"id":"e-3","event":"enveloped","data":{"a":1}}` + "\n"
			if diff := cmp.Diff(want, out); diff != "" || said != "" {
				t.Errorf("said %q, printed (-want +got):\n%s", said, diff)
			}
			w.ends(t)
			if got := s.requests[0].Header; got.Get("Last-Event-ID") != "e-0" || got.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("asked with %v", got)
			}
		})
	}
}

func TestOnlyWhatIsAskedForIsShown(t *testing.T) { // W9
	for name, c := range map[string]struct {
		options watchcli.Options
		want    string // IDs of events
		asked   int
	}{
		"all":           {watchcli.Options{}, "1 2 3 4 5 6 7 9", 0},
		"some events":   {watchcli.Options{Events: []string{"version", "ping"}}, "6 8 9", 0},
		"a type":        {watchcli.Options{Types: []string{"import", "other"}}, "1 2 4 9", 0},
		"a task":        {watchcli.Options{Tasks: []string{"b"}}, "1 3 9", 0},
		"a label":       {watchcli.Options{Labels: []string{"page=x"}}, "1 2 4 5 9", 1},
		"a label, type": {watchcli.Options{Labels: []string{"page=x"}, Types: []string{"export"}}, "1 5 9", 1},
		"no such label": {watchcli.Options{Labels: []string{"page=z"}}, "1 9", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{labels: `{"page":"x"}`}
				w := watch(t, s, c.options, 0)
				s.send(t, "1", "task_snapshot", `{"tasks":[`+listed("a", "import", "running", 1, `{"page":"x"}`)+`,`+listed("b", "export", "running", 1, `{}`)+`]}`)
				s.send(t, "2", "task_event", taskEvent("a", "import", "progress_update", 2, `{"text":"","value":0.6}`))
				s.send(t, "3", "task_event", taskEvent("b", "export", "progress_update", 2, `{"text":"","value":0.6}`))
				s.send(t, "4", "task_event", taskEvent("c", "import", "task_started", 1, `{"labels":{"page":"x"}}`))
				s.send(t, "5", "task_event", taskEvent("d", "export", "task_queued", 1, `null`))
				s.send(t, "6", "version", `{"version":"1"}`)
				s.send(t, "7", "order.changed", `{}`)
				s.send(t, "8", "ping", `{}`)
				s.send(t, "9", "stream_reset", `{"reason":"expired"}`)
				out, _ := w.printed()
				var ids []string
				for line := range strings.Lines(out) {
					ids = append(ids, line[len(`{"id":"`):][:1])
				}
				if got := strings.Join(ids, " "); got != c.want || s.asked != c.asked {
					t.Errorf("shown are %s, want %s; %d tasks were asked for", got, c.want, s.asked)
				}
				if first, _, _ := strings.Cut(out, "\n"); strings.Contains(first, "snapshot") && len(c.options.Tasks) > 0 && strings.Contains(first, `"task_id":"a"`) {
					t.Errorf("the snapshot has more: %s", first)
				}
				w.ends(t)
			})
		})
	}
}

func TestABrokenStreamIsOpenedAgainWhereItWas(t *testing.T) { // W9, G2
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		w := watch(t, s, watchcli.Options{}, 0)
		s.send(t, "e-7", "version", `{"version":"1"}`)
		s.refuses(http.StatusBadGateway)
		s.breaks()
		<-time.After(10 * time.Minute) // however long the service is away
		s.refuses(-1)
		<-time.After(time.Minute)
		s.refuses(0)
		<-time.After(time.Minute)
		s.send(t, "e-9", "stream_reset", `{"reason":"epoch"}`)
		out, said := w.printed()
		if got := s.requests[len(s.requests)-1].Header.Get("Last-Event-ID"); got != "e-7" {
			t.Errorf("it goes on after %q", got)
		}
		for _, want := range []string{"heliograph: the stream broke (unexpected EOF); it is opened again in ", "(not now (NO)); ", "(connection refused); ", "heliograph: the stream is open again, and goes on after e-7\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in:\n%s", want, said)
			}
		}
		if !strings.HasSuffix(out, `{"id":"e-9","event":"stream_reset","data":{"reason":"epoch"}}`+"\n") {
			t.Errorf("printed is %s", out)
		}
		w.ends(t)
	})
}

func TestAStreamWithoutPlacesMayMissEvents(t *testing.T) { // W9
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		w := watch(t, s, watchcli.Options{}, 0)
		s.send(t, "", "version", `{"version":"1"}`)
		s.breaks()
		<-time.After(time.Minute)
		if _, said := w.printed(); !strings.Contains(said, "events may be missing here") {
			t.Errorf("it said %q", said)
		}
		w.ends(t)
	})
}

func TestExitStatusWhenThereIsNoStream(t *testing.T) { // W8
	for refusal, want := range map[int]int{-1: cli.Lost, http.StatusUnauthorized: cli.Usage, http.StatusNotFound: cli.Usage, http.StatusServiceUnavailable: cli.Lost, http.StatusTooManyRequests: cli.Usage} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{refusal: refusal}
			w := watch(t, s, watchcli.Options{}, 80)
			if status := <-w.status; status != want {
				t.Errorf("refused with %d: exit status %d, want %d", refusal, status, want)
			}
			if out, said := w.printed(); out != "" || !strings.HasPrefix(said, "heliograph: ") {
				t.Errorf("refused with %d: %q, %q", refusal, out, said)
			}
			w.stop()
		})
	}
}

func TestACredentialThatHasEndedEndsIt(t *testing.T) { // A17, W9
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		w := watch(t, s, watchcli.Options{}, 0)
		s.send(t, "", "auth_expired", `{}`)
		s.refuses(http.StatusUnauthorized)
		s.breaks()
		if status := <-w.status; status != cli.Usage {
			t.Errorf("exit status %d", status)
		}
		w.stop()
	})
}

func TestOutputThatTakesNothingEndsIt(t *testing.T) { // W8
	synctest.Test(t, func(t *testing.T) {
		s, ended := &service{}, make(chan int)
		reader, writer := io.Pipe()
		_ = reader.Close()
		none := func() int { return 0 }
		go func() {
			ended <- watchcli.Run(t.Context(), cli.Service{URL: "http://service"}, watchcli.Options{}, cli.Terminal{Out: writer, Err: io.Discard, Width: none, Height: none, Transport: s})
		}()
		s.send(t, "e-1", "version", `{}`)
		if status := <-ended; status != cli.Failed {
			t.Errorf("exit status %d", status)
		}
	})
}

func TestTasksHaveBarsAndScrollAwayWhenTheyEnd(t *testing.T) { // W9
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		w := watch(t, s, watchcli.Options{}, 70)
		shows := func(wants ...string) {
			t.Helper()
			drawn := w.frame(t)
			for _, want := range wants {
				if !strings.Contains(drawn, want) {
					t.Errorf("no %q in %q", want, drawn)
				}
			}
		}
		shows("0 running, 0 waiting  http://service  Ctrl-C ends\n")
		s.send(t, "e-1", "task_snapshot", `{"tasks":[`+listed("aaaaaaaaaa", "import", "running", 3, `{}`)+`],"more":true}`)
		s.send(t, "e-1", "task_snapshot", `{"tasks":[`+listed("bbbbbbbbbb", "export", "pending", 0, `{}`)+`]}`)
		shows("\x1b[1A\r\x1b[Jimport aaaaaaaa |██████████          |  50 %\n1 running, 1 waiting")
		s.send(t, "e-2", "task_event", taskEvent("bbbbbbbbbb", "export", "task_started", 1, `null`))
		s.send(t, "e-3", "task_event", taskEvent("aaaaaaaaaa", "import", "progress_update", 4, `{"text":"`+strings.Repeat("長", 40)+`","value":0.75}`))
		s.send(t, "e-4", "task_event", taskEvent("aaaaaaaaaa", "import", "progress_update", 3, `{"text":"old","value":0.1}`)) // T3
		shows("import aaaaaaaa |███████████████     |  75 % 長長長長長長長長長長長…\nexport bbbbbbbb |                    |   0 %\n2 running, 0 waiting")
		s.send(t, "e-5", "task_event", taskEvent("bbbbbbbbbb", "export", "task_cancel_requested", 2, `null`))
		shows("|   0 % stopping\n")
		s.send(t, "e-6", "task_event", taskEvent("bbbbbbbbbb", "export", "task_cancelled", 3, `null`))
		s.send(t, "e-7", "task_event", taskEvent("aaaaaaaaaa", "import", "task_retrying", 5, `{"error":"no \u001b[2Jdisk","code":"X","attempt":2,"next_at":"2026-01-02T03:05:05Z"}`))
		s.send(t, "e-8", "task_event", taskEvent("cccccccccc", "import", "task_failed", 5, `{"error":"at once","code":"X"}`))
		s.send(t, "e-9", "task_event", taskEvent("cccccccccc", "import", "task_removed", 6, `null`))
		s.send(t, "e-a", "version", `{"version":"1.4.0"}`)
		s.send(t, "e-b", "order.changed", `{"id":1}`)
		shows(" ∅ export bbbbbbbbbb cancelled after 2s\n", " ~ import aaaaaaaaaa attempt 1 ended: no  [2Jdisk\n", " ✗ import cccccccccc failed: at once\n",
			" - import cccccccccc removed\n", " version 1.4.0\n", ` order.changed {"id":1}`+"\n", "0 running, 1 waiting")
		for i := range 9 {
			s.send(t, "e-c", "task_event", taskEvent(fmt.Sprint("d", i), "many", "task_started", 1, `null`))
		}
		shows("many d5 ", "9 running, 1 waiting (3 not shown)")
		if drawn := w.frame(t); drawn != "" {
			t.Errorf("drawn anew though nothing changed: %q", drawn)
		}
		w.ends(t)
		if drawn, _ := w.printed(); drawn != "\x1b[7A\r\x1b[J" {
			t.Errorf("at the end %q is drawn", drawn)
		}
	})
}

func TestWhatEndedUnseenIsSaid(t *testing.T) { // W9
	for _, reset := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{}
			w := watch(t, s, watchcli.Options{}, 200)
			s.send(t, "e-1", "task_snapshot", `{"tasks":[`+listed("a", "import", "running", 3, `{}`)+`]}`)
			s.breaks()
			<-time.After(time.Minute)
			if reset {
				s.send(t, "f-1", "stream_reset", `{"reason":"epoch"}`)
			}
			s.send(t, "f-2", "task_event", taskEvent("b", "new", "task_started", 1, `null`))
			s.send(t, "f-2", "task_snapshot", `{"tasks":[]}`)
			drawn := w.frame(t)
			if !strings.Contains(drawn, "1 running") || strings.Contains(drawn, "has ended meanwhile") != reset || strings.Contains(drawn, "events are missing here: the service was restarted") != reset {
				t.Errorf("reset %t: %q", reset, drawn)
			}
			w.ends(t)
		})
	}
}
