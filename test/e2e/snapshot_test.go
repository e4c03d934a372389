package e2e_test

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"heliograph/test/sseclient"
)

// snapshot is the payload of a task_snapshot.
type snapshot struct {
	Tasks []struct {
		TaskID          string `json:"task_id"`
		Type, Status    string
		CancelRequested bool `json:"cancel_requested"`
		Progress        progress
		Seq             uint64
		Attempt         int
	}
	More bool
}

// Streams that open while tasks run get each task's past by the snapshot and
// its future live: together they miss nothing.
func TestSnapshotAndLiveEventsTogetherMissNothing(t *testing.T) { // T13, G9
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		whole := s.stream(t, "whole")
		var tasks []string
		for range 4 {
			tasks = append(tasks, s.startTask(t, chatty))
			whole.awaitTask(t, tasks[len(tasks)-1], "progress_update")
		}
		streams := s.streams(t, 20)
		for _, id := range tasks {
			s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
		}
		for _, st := range append(streams, whole) {
			for _, id := range tasks {
				st.awaitTask(t, id, "task_cancelled")
			}
			st.awaitNamed(t, "task_snapshot")
		}
		for _, st := range streams {
			known := decode[snapshot](t, st.awaitNamed(t, "task_snapshot").Data)
			for _, task := range known.Tasks {
				want, got := after(whole.taskEvents(t, task.TaskID), task.Seq), after(st.taskEvents(t, task.TaskID), task.Seq)
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("T13: after seq %d of the snapshot: -happened +got\n%s", task.Seq, diff)
				}
			}
		}
	})
}

// after returns the events that are newer than seq.
func after(events []taskEvent, seq uint64) []taskEvent {
	first, _ := slices.BinarySearchFunc(events, seq+1, func(e taskEvent, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	return events[first:]
}

func TestLargeSnapshotIsSplit(t *testing.T) { // T13, E8
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		const tasks = 100
		s := start(t, "SSE_MAX_EVENT_BYTES=8KiB", "TASK_MAX_WORKERS=1")
		want := map[string]bool{}
		for range tasks {
			want[s.startTask(t, chatty)] = true
		}
		st := s.stream(t, "me")
		st.await(t, "the snapshot's last part", func(e sseclient.Event) bool {
			return e.Name == "task_snapshot" && !decode[snapshot](t, e.Data).More
		})
		parts := 0
		for _, e := range st.Events() {
			if e.Name != "task_snapshot" {
				continue
			}
			parts++
			if len(e.Data) > 8<<10 {
				t.Errorf("E8: a part has %d bytes", len(e.Data))
			}
			for _, task := range decode[snapshot](t, e.Data).Tasks {
				if !want[task.TaskID] {
					t.Errorf("T13: %s is in the snapshot twice, or is no task", task.TaskID)
				}
				delete(want, task.TaskID)
			}
		}
		if parts < 2 || len(want) != 0 {
			t.Errorf("T13: %d parts, without %d of the tasks", parts, len(want))
		}
	})
}

func TestLargeResultGoesByReference(t *testing.T) { // E8
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		st := s.stream(t, "me")
		text := fmt.Sprintf("%0100000d", 7)
		id := s.startTask(t, `{"type":"demo_task","params":{"steps":1,"delay":0,"message":"`+text+`"}}`)
		if e := st.awaitTask(t, id, "task_completed"); !e.Truncated || string(e.Data) != "null" {
			t.Errorf("E8: truncated is %v, data %.100s", e.Truncated, e.Data)
		}
		if got := decode[struct{ Message string }](t, string(s.status(t, id).Result)).Message; got != text {
			t.Errorf("E8: the status has a message of %d bytes, want %d", len(got), len(text))
		}
		id = s.startTask(t, `{"type":"failing_task","params":{"delay":0,"error_message":"`+text+`"}}`)
		if e := st.awaitTask(t, id, "task_failed"); len(e.Data) > 64<<10 || len(e.Data) < 100 {
			t.Errorf("E8: the error has %d bytes", len(e.Data))
		}
	})
}

// More than may wait for one stream, over a line with a buffer of 4 KiB.
func TestASnapshotLargerThanTheLimitReachesABrowserOnASlowLine(t *testing.T) { // T13, G4
	t.Parallel()
	for name, c := range map[string]struct {
		start starter
		env   func(t *testing.T) []string
	}{
		"embedded":                  {start, func(*testing.T) []string { return nil }},
		"embedded, with goroutines": {start, func(*testing.T) []string { return []string{"SSE_TRANSPORT=portable"} }},
		"external":                  {startExternal, func(*testing.T) []string { return nil }},
		"with a data directory":     {start, func(t *testing.T) []string { return []string{"DATA_DIR=" + t.TempDir()} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const tasks = 1500
			s := c.start(t, append(c.env(t), "TASK_MAX_WORKERS=1", fmt.Sprint("TASK_QUEUE_SIZE=", tasks))...)
			missing := map[string]bool{}
			for range tasks {
				missing[s.startTask(t, `{"type":"demo_task","params":{"steps":1,"delay":3600}}`)] = true
			}
			conn := openSlowly(t, s.streamAddr)
			d, bytes, last := sseclient.NewDecoder(conn, ""), 0, false
			for !last {
				item, err := d.Next()
				if err != nil {
					t.Fatalf("after %d bytes of the snapshot: %v", bytes, err)
				}
				if item.Event.Name == "task_snapshot" {
					bytes += len(item.Event.Data)
					part := decode[snapshot](t, item.Event.Data)
					for _, task := range part.Tasks {
						delete(missing, task.TaskID)
					}
					last = !part.More
				}
			}
			if bytes < 256<<10 || len(missing) > 0 {
				t.Errorf("the snapshot has %d bytes and lacks %d of %d tasks", bytes, len(missing), tasks)
			}
		})
	}
}

// openSlowly opens a stream over a connection that holds little, and returns its body.
func openSlowly(t *testing.T, addr string) io.Reader {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	transport := &http.Transport{DialContext: dialer.DialContext, ReadBufferSize: 4 << 10}
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/api/sse/stream?request_id=slow", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res.Body
}
