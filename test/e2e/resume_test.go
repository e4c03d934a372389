package e2e_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
)

// cutSeed makes the cuts the same in every run.
const cutSeed = 20240607

// A phone in a tunnel: the connection breaks two hundred times, anywhere, while
// tasks run. What arrives in the end is the log, without gap or repetition.
func TestTwoHundredCutsLoseAndRepeatNothing(t *testing.T) { // G2, E7
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		t.Logf("seed %d", cutSeed)
		random := rand.New(rand.NewPCG(cutSeed, 0))
		s := start(t)
		proxy := newCutter(t, s.streamAddr, func() (int64, bool) { return random.Int64N(6000), random.IntN(2) == 0 })
		client := sseclient.New(proxy.url() + "/api/sse/stream?request_id=cut")

		whole := s.stream(t, "whole") // is never cut
		begin := parsePlace(t, whole.awaitNamed(t, "task_snapshot").ID)
		client.SetLastID(begin.String())
		tasks := []string{s.startTask(t, chatty)}

		cut := record{at: begin, gaps: s.gateway != nil}
		for range 200 {
			if lag := whole.lastPlace(t).seq - cut.at.seq; lag < 100 { // what is missed for long is not sent again by every gateway
				tasks = append(tasks, s.startTask(t, quickTask), s.startTask(t, quickTask))
			}
			if st, err := client.Connect(t.Context()); err == nil { // not cut within the headers
				await(t, "the cut", st.Done())
				cut.add(t, st)
			}
		}
		proxy.close()
		last := open(t, s.newClient("cut", "&last_event_id="+client.LastID()))
		s.endTasks(t, tasks, whole)
		end := s.inOrder(t, whole.Events(), place{})
		last.await(t, "the end of the log", func(e sseclient.Event) bool { return e.ID == end.String() && e.Name == "task_event" })
		cut.add(t, last.Stream)
		if diff := cmp.Diff(cut.lasting(t, logEvents(whole.Events())), cut.lasting(t, cut.log)); diff != "" {
			t.Errorf("G2: the cut client's log differs from the whole one: -whole +cut\n%s", diff)
		}
		t.Logf("%d log events, %d streams opened, %d times stream_reset", len(cut.log), cut.streams, cut.resets)
		resets := 0
		if s.gateway != nil {
			resets = 5 // a replay that takes longer than the gateway waits: on a busy machine, and said
		}
		if cut.resets > resets || len(cut.log) < 150 {
			t.Error("the test has not tested what it should")
		}
	})
}

// chatty reports progress every five milliseconds, for longer than any test takes.
const chatty = `{"type":"long_running_task","params":{"total_time":250,"check_interval":0.005}}`

// record is what a client has got over all its streams.
type record struct {
	at              place
	gaps            bool // progress may be missing
	log             []sseclient.Event
	streams, resets int
}

// lasting returns those of the events that nothing may take the place of.
func (r *record) lasting(t *testing.T, events []sseclient.Event) []sseclient.Event {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(events), func(e sseclient.Event) bool {
		return r.gaps && decode[taskEvent](t, e.Data).Type == "progress_update"
	})
}

// lastPlace is that of the last event so far that has an ID: a ping has none.
func (s *stream) lastPlace(t *testing.T) place {
	t.Helper()
	for _, event := range slices.Backward(s.Events()) {
		if event.ID != "" {
			return parsePlace(t, event.ID)
		}
	}
	t.Fatal("the stream has had no event with an ID")
	return place{}
}

// endTasks cancels the first of the tasks when the others are done.
func (s *service) endTasks(t *testing.T, tasks []string, watch *stream) {
	t.Helper()
	for _, id := range tasks[1:] {
		watch.awaitTask(t, id, "task_completed")
	}
	s.must(t, http.StatusOK, "POST", "/api/tasks/"+tasks[0]+"/cancel", "")
	watch.awaitTask(t, tasks[0], "task_cancelled")
}

// add takes the stream that resumed where the record ends.
func (r *record) add(t *testing.T, st *sseclient.Stream) {
	t.Helper()
	events := st.Events()
	r.at = ordered(t, events, r.at, r.gaps)
	r.log = append(r.log, logEvents(events)...)
	r.streams++
	for _, e := range events {
		if e.Name == "stream_reset" {
			r.resets++
		}
	}
	for _, v := range st.Violations() {
		t.Errorf("the stream violates the format: %s", v)
	}
}

// logEvents returns the task events, which are all in the log.
func logEvents(events []sseclient.Event) (found []sseclient.Event) {
	for _, e := range events {
		if e.Name == "task_event" {
			found = append(found, e)
		}
	}
	return found
}

// A client that stays away for longer than the log reaches back learns it, once.
func TestMissedRetentionResetsOnce(t *testing.T) { // G3
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "SSE_HISTORY_BYTES=64KiB", "SSE_MAX_EVENT_BYTES=8KiB", "VERSION_POLL_INTERVAL=0", "FRONTEND_VERSION=1")
		client := s.newClient("me")
		first := open(t, client)
		first.awaitNamed(t, "version")
		first.awaitNamed(t, "task_snapshot")
		first.Close()
		for range 3 {
			s.overflowLog(t)
			back := open(t, client)
			back.awaitNamed(t, "task_snapshot")
			s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"live"}`)
			back.awaitVersion(t, "live")
			back.Close()
			back.mustBeginWithReset(t, "expired")
			inOrder(t, back.Events(), place{})

			again := open(t, client)
			again.awaitNamed(t, "task_snapshot")
			again.Close()
			inOrder(t, again.Events(), parsePlace(t, client.LastID())) // no reset, nothing twice
			if countNamed(again.Events(), "stream_reset") != 0 {
				t.Errorf("G3: a client that missed nothing got %+v", again.Events())
			}
		}
	})
}

// overflowLog publishes 96 KiB.
func (s *service) overflowLog(t *testing.T) {
	t.Helper()
	for range 16 {
		s.must(t, http.StatusAccepted, "POST", "/api/versions", fmt.Sprintf(`{"version":"big","changelog":%q}`, strings.Repeat("x", 6<<10)))
	}
}

func countNamed(events []sseclient.Event, name string) (n int) {
	for _, e := range events {
		if e.Name == name {
			n++
		}
	}
	return n
}

func (s *stream) mustBeginWithReset(t *testing.T, reason string) {
	t.Helper()
	events := s.Events()
	if n := countNamed(events, "stream_reset"); n != 1 || events[0].Name != "stream_reset" {
		t.Fatalf("G3: %d times stream_reset, want one at the start of %+v", n, events)
	}
	if want := fmt.Sprintf(`{"reason":%q}`, reason); !sameJSON(t, events[0].Data, want) {
		t.Errorf("G3: stream_reset %s, want %s", events[0].Data, want)
	}
	parsePlace(t, events[0].ID)
}

func TestInvalidPositionsReset(t *testing.T) { // G3
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, versionless)
		here := parsePlace(t, s.stream(t, "here").awaitNamed(t, "task_snapshot").ID)
		for id, reason := range map[string]string{
			place{"otherepoch", here.seq}.String(): "epoch",
			place{"a", 1}.String():                 "epoch",
			"junk":                                 "invalid",
			"-":                                    "invalid",
			here.epoch + "-":                       "invalid",
			here.epoch + "-1x":                     "invalid",
			here.epoch + "--1":                     "invalid",
			here.epoch + "-01":                     "invalid",
			here.epoch + "-1; drop":                "invalid",
			here.epoch + "-99999999999999999999999999":       "invalid",
			place{here.epoch, math.MaxUint64}.String():       "invalid",
			place{here.epoch, here.seq + 1}.String():         "invalid",
			strings.ToUpper(here.epoch) + "-1":               "invalid",
			strings.Repeat("9", 10_000):                      "invalid",
			"\u00e4\u2028":                                   "invalid",
			"%0Aevent: version%0Adata: {}%0A%0A":             "invalid",
			"<script>alert(1)</script>":                      "invalid",
			strings.Repeat(here.epoch, 9) + "-1":             "invalid",
			here.epoch + "-" + strings.Repeat("0", 60) + "1": "invalid",
		} {
			t.Run(fmt.Sprintf("%.40q", id), func(t *testing.T) {
				t.Parallel()
				client := s.newClient(fmt.Sprint(rand.Uint64()))
				client.SetLastID(id)
				st := open(t, client)
				st.awaitNamed(t, "task_snapshot")
				st.mustBeginWithReset(t, reason)
				if at := inOrder(t, st.Events(), place{}); at != here {
					t.Errorf("G3: reads from %v, want %v", at, here)
				}
			})
		}
		t.Run("in the query", func(t *testing.T) {
			t.Parallel()
			st := open(t, s.newClient("query", "&last_event_id=junk"))
			st.awaitNamed(t, "task_snapshot")
			st.mustBeginWithReset(t, "invalid")
		})
	})
}

// A restart begins a new epoch: clients that come back must fetch the state.
func TestRestartIsANewEpoch(t *testing.T) { // G3
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		client := s.newClient("me")
		before := open(t, client)
		before.awaitNamed(t, "task_snapshot")
		s.kill(t)
		before.Close() // a gateway of its own would keep it
		s.again(t)
		back := open(t, client)
		back.awaitNamed(t, "task_snapshot")
		back.mustBeginWithReset(t, "epoch")
	})
}

// A client that was refused must not be taken for one that was cut.
func TestErrorStatusOpensNoStream(t *testing.T) { // C2
	t.Parallel()
	s := start(t)
	_, err := sseclient.New(s.url + "/api/sse/stream?request_id=task:1").Connect(t.Context())
	if status, ok := errors.AsType[*sseclient.StatusError](err); !ok || status.Status != http.StatusBadRequest {
		t.Errorf("C2: %v, want 400", err)
	}
}
