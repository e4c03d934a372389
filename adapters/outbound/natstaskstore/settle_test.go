package natstaskstore_test

import (
	"testing"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natstaskstore"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// ends lets a task end on a life of a node, and has that settled.
func ends(t *testing.T, s *natstaskstore.Store, id task.ID, node cluster.Life) task.Task {
	t.Helper()
	ended := create(t, s, task.Task{ID: id, Created: noon})
	ended.Status, ended.Ended, ended.FinalEventPending, ended.Node = task.Completed, noon, true, node
	ended, err := s.Update(t.Context(), ended)
	if err == nil {
		err = s.Settle(t.Context(), node, ended.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	ended.FinalEventPending, ended.Node = false, ""
	return ended
}

func TestWhatIsSettledStaysSoOnAllNodesAndAfterARestart(t *testing.T) { // T11
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	one, stop := serve(t, before, "node-1")
	two, stopTwo := serve(t, before, "node-2")
	want := ends(t, one, "a", "one/life")
	wantListed(t, two, want)
	stop()
	stopTwo()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	after := brokertest.Open(t, natsbroker.Config{Dir: dir})
	one, _ = serve(t, after, "node-1")
	wantListed(t, one, want)
	if got, err := one.Get(t.Context(), "a"); err != nil || got.FinalEventPending {
		t.Errorf("it reads as %+v, %v", got, err)
	}
}

func TestRecordsOfLivesWithoutTasksAreDeleted(t *testing.T) {
	b := brokertest.InProcess(t)
	s, _ := serve(t, b, "node-1")
	first := ends(t, s, "a", "one/first")
	second := ends(t, s, "b", "one/second")
	for _, c := range []struct {
		remove *task.Task
		want   int // records
	}{{nil, 2}, {&first, 1}, {&second, 0}} {
		if c.remove != nil {
			if err := s.Delete(t.Context(), *c.remove); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DeleteSettled(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := settledRecords(t, b); got != c.want {
			t.Errorf("without %+v there are %d records, want %d", c.remove, got, c.want)
		}
	}
}

// settledRecords counts them, without the markers of those that were deleted.
func settledRecords(t *testing.T, b *natsbroker.Broker) (n int) {
	t.Helper()
	kv, err := b.JetStream().KeyValue(t.Context(), "heliograph_tasks")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.ListKeysFiltered(t.Context(), "settled.*")
	if err != nil {
		t.Fatal(err)
	}
	for range keys.Keys() {
		n++
	}
	return n
}
