package e2e_test

import (
	"testing"

	"heliograph/test/sseclient"
)

// With a data directory a crash loses nothing that was sent: a client that returns
// goes on in the log, where every task has an end.
func TestKilledServiceWithADataDirContinues(t *testing.T) { // G2, T11
	t.Parallel()
	s := start(t, "DATA_DIR="+t.TempDir(), versionless)
	client := s.newClient("me")
	var (
		got   record
		tasks []string
	)
	for range 5 {
		st := open(t, client)
		id := s.startTask(t, chatty)
		tasks = append(tasks, id)
		st.awaitTask(t, id, "progress_update")
		s.kill(t)
		await(t, "the end of the stream", st.Done())
		got.add(t, st.Stream)
		s.again(t)
	}
	st := open(t, client)
	st.awaitTask(t, tasks[len(tasks)-1], "task_failed")
	got.add(t, st.Stream)

	if got.resets != 0 {
		t.Errorf("G3: %d streams began with a reset", got.resets)
	}
	for _, id := range tasks {
		if ends := endsOf(t, got.log, id); ends != 1 {
			t.Errorf("T11: task %s has %d last events, want 1", id, ends)
		}
	}
}

func endsOf(t *testing.T, events []sseclient.Event, id string) (ends int) {
	t.Helper()
	for _, e := range events {
		switch te := decode[taskEvent](t, e.Data); {
		case te.TaskID != id:
		case te.Type == "task_failed", te.Type == "task_completed", te.Type == "task_cancelled":
			ends++
		}
	}
	return ends
}
