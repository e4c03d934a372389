package e2e_test

import (
	"syscall"
	"testing"
)

// What waited for the gateway is lost in a crash, and the streams that it holds are
// reset.
func TestCrashBehindAGatewayResetsItsStreams(t *testing.T) { // C8, E6, G3
	t.Parallel()
	s := startExternal(t, "DATA_DIR="+t.TempDir(), versionless)
	st := s.stream(t, "me")
	st.awaitNamed(t, "task_snapshot")
	s.gateway.signal(t, syscall.SIGSTOP)
	id := s.startTask(t, quickTask)
	eventually(t, "the task ends unheard", func() bool { return s.status(t, id).Status == "completed" })
	s.kill(t)
	s.again(t)
	s.gateway.signal(t, syscall.SIGCONT)
	st.awaitNamed(t, "stream_reset")
	eventually(t, "the state after it", func() bool { return countNamed(st.Events(), "task_snapshot") == 2 })
	st.awaitTask(t, s.startTask(t, quickTask), "task_completed")
}

func TestOrderlyRestartBehindAGatewaySendsNoReset(t *testing.T) { // C8, E7
	t.Parallel()
	s := startExternal(t, "DATA_DIR="+t.TempDir(), versionless)
	st := s.stream(t, "me")
	st.awaitNamed(t, "task_snapshot")
	before := s.startTask(t, quickTask)
	st.awaitTask(t, before, "task_completed")
	s.terminate(t)
	s.again(t)
	after := s.startTask(t, quickTask)
	st.awaitTask(t, after, "task_completed")
	for _, id := range []string{before, after} {
		if ends := endsOf(t, logEvents(st.Events()), id); ends != 1 {
			t.Errorf("E7: task %s has %d last events, want 1", id, ends)
		}
	}
	if n := countNamed(st.Events(), "stream_reset") + countNamed(st.Events(), "task_snapshot"); n != 1 {
		t.Errorf("C8: %d resets and snapshots, want the first snapshot only", n)
	}
}
