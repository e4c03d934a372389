package e2e_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A task that has to wait, one that is asked to stop, and their removal, on each gateway
// with each broker of a single node.
func TestTheStreamTellsAllThatHappensToATask(t *testing.T) { // T3, T7, T9, T11
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		for name, env := range map[string][]string{"in memory": {"TASK_MAX_WORKERS=1"}, "with a data directory": {"TASK_MAX_WORKERS=1", "DATA_DIR=" + t.TempDir()}} {
			t.Run(name, func(t *testing.T) {
				s := start(t, env...)
				st := s.stream(t, "me")
				running := s.startTask(t, `{"type":"long_running_task","params":{"total_time":250,"check_interval":100}}`)
				st.awaitTask(t, running, "task_started")
				waiting := s.startTask(t, chatty)
				st.awaitTask(t, waiting, "task_queued")
				for _, id := range []string{waiting, running} {
					s.must(t, http.StatusOK, "POST", "/api/tasks/"+id+"/cancel", "")
					st.awaitTask(t, id, "task_cancelled")
					s.must(t, http.StatusOK, "DELETE", "/api/tasks/"+id, "")
					st.awaitTask(t, id, "task_removed")
					s.must(t, http.StatusNotFound, "GET", "/api/tasks/"+id, "")
				}
				for id, want := range map[string][]string{
					waiting: {"task_queued", "task_cancelled", "task_removed"},
					running: {"task_started", "task_cancel_requested", "task_cancelled", "task_removed"},
				} {
					var got []string
					for _, e := range st.taskEvents(t, id) {
						if e.Type == "progress_update" {
							continue
						}
						got = append(got, e.Type)
						if string(e.Data) != "null" || id == waiting && int(e.Seq) != len(got) {
							t.Errorf("T3: %+v, which is event %d", e, len(got))
						}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("T3, T11: the events of %s (-want +got):\n%s", id, diff)
					}
				}
			})
		}
	})
}
