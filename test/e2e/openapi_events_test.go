package e2e_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/apidescription"
)

// Every event that a stream really gets is one that openapi.yaml describes.
func TestEventsAreAsTheDescriptionSays(t *testing.T) { // T3, T5, T13, V4, G3, G5, C3, E11
	t.Parallel()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "TASK_MAX_WORKERS=1", "SSE_PING_INTERVAL=50ms", "FRONTEND_VERSION=1.0")
		st := s.stream(t, "me")
		lost := open(t, s.newClient("lost", "&last_event_id=another-1"))
		running := s.startTask(t, `{"type":"long_running_task","params":{"total_time":250,"check_interval":0.01},"labels":{"page":"x"}}`)
		st.awaitTask(t, running, "progress_update")
		done, fails := s.startTask(t, quickTask), s.startTask(t, `{"type":"failing_task","params":{"delay":0.01}}`)
		s.must(t, http.StatusOK, "POST", "/api/tasks/"+running+"/cancel", "")
		st.awaitTask(t, done, "task_completed")
		st.awaitTask(t, fails, "task_failed")
		s.must(t, http.StatusOK, "DELETE", "/api/tasks/"+fails, "")
		st.awaitTask(t, fails, "task_removed")
		s.must(t, http.StatusAccepted, "POST", "/api/events", `{"name":"orders.changed","data":{"id":4711}}`)
		st.awaitNamed(t, "orders.changed")
		st.awaitNamed(t, "ping")
		lost.awaitNamed(t, "ping")
		s.stream(t, "me") // which takes the place of the first
		st.awaitNamed(t, "replaced")

		seen, types := map[string]bool{}, map[string]bool{}
		for _, e := range slices.Concat(st.Events(), lost.Events()) {
			if err := apidescription.CheckEvent(doc, apidescription.Event{ID: e.ID, Name: e.Name, Data: e.Data}); err != nil {
				t.Errorf("%+v: %v", e, err)
			}
			seen[e.Name] = true
			if e.Name == "task_event" {
				types[decode[taskEvent](t, e.Data).Type] = true
			}
		}
		want := []string{"orders.changed", "ping", "replaced", "stream_reset", "task_event", "task_snapshot", "version"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); diff != "" {
			t.Errorf("the streams had (-want +got):\n%s", diff)
		}
		want = []string{"progress_update", "task_cancel_requested", "task_cancelled", "task_completed", "task_failed", "task_queued", "task_removed", "task_started"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(types))); diff != "" {
			t.Errorf("the tasks had (-want +got):\n%s", diff)
		}
	})
}
