package tasks_test

import (
	"encoding/json"
	"time"

	"heliograph/domain/task"
)

// wantLawful checks what must be true of any task after Stop, whatever happened:
// its record is terminal, and its events keep rules T3, T4 and T11.
func (f *fixture) wantLawful() {
	f.t.Helper()
	all, _, err := f.List(f.t.Context(), task.Query{})
	if err != nil {
		f.t.Fatal(err)
	}
	if again := f.wire.again; len(again) > 0 && !f.link.durable { // a broker in memory takes an event as often as it comes
		f.t.Errorf("published twice: %+v", again)
	}
	f.wantRemovedLast(all)
	for _, record := range all {
		events := f.wire.of(record.ID)
		if !record.Status.Terminal() || len(events) == 0 {
			f.t.Errorf("%s is %s with the events %v", record.ID, record.Status, events)
			continue
		}
		if !record.Started.IsZero() && record.Started.Before(record.RunAt) { // T19
			f.t.Errorf("%s was to run at %s and started at %s", record.ID, record.RunAt, record.Started)
		}
		f.wantOrder(events)
		f.wantOneEnd(record, events)
		f.wantRisingProgress(events)
	}
}

// wantOrder checks seq and time (T3).
func (f *fixture) wantOrder(events []sent) {
	f.t.Helper()
	for i, e := range events {
		first := 1 + f.strict.tookBack(e.TaskID)
		if e.Type == task.EventQueued {
			first = 1
		}
		if i == 0 && (e.Seq != first || e.Attempt != 1) || i > 0 && (e.Seq <= events[i-1].Seq || e.Attempt < events[i-1].Attempt) {
			f.t.Errorf("%s: event %d, %s, has the seq %d and the attempt %d", e.TaskID, i, e.Type, e.Seq, e.Attempt)
		}
		at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
		if err != nil || at.Location() != time.UTC {
			f.t.Errorf("%s: %s has the timestamp %s", e.TaskID, e.Type, e.Timestamp)
		}
		if i > 0 && at.Before(f.timeOf(events[i-1])) {
			f.t.Errorf("%s: %s happened at %s, before the event before it", e.TaskID, e.Type, e.Timestamp)
		}
	}
}

func (f *fixture) timeOf(e sent) time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		f.t.Error(err)
	}
	return at
}

var endings = map[task.EventType]task.Status{
	task.EventCompleted: task.Completed, task.EventFailed: task.Failed, task.EventCancelled: task.Cancelled,
}

// wantRemovedLast checks that the events of each task that is not there any more end with
// task_removed, right behind the one that ended it, and no other has that (T3, T11).
func (f *fixture) wantRemovedLast(there []task.Task) {
	f.t.Helper()
	known := make(map[task.ID]bool)
	for _, record := range there {
		known[record.ID] = true
	}
	f.wire.mu.Lock()
	defer f.wire.mu.Unlock()
	last := make(map[task.ID]sent)
	for _, e := range f.wire.events {
		if e.Type == task.EventRemoved && (endings[last[e.TaskID].Type] == "" || e.Seq != last[e.TaskID].Seq+1) {
			f.t.Errorf("%s: removed with the seq %d after %+v", e.TaskID, e.Seq, last[e.TaskID])
		}
		last[e.TaskID] = e
	}
	for id, e := range last {
		if known[id] == (e.Type == task.EventRemoved) {
			f.t.Errorf("%s is there: %t, its last event is %s", id, known[id], e.Type)
		}
	}
}

// wantOneEnd checks that the events begin with task_started, unless the task
// never ran, perhaps after task_queued, and end with the one that says what the record
// said already (T11). One that was asked to stop while it ran says so once (T3).
func (f *fixture) wantOneEnd(record task.Task, events []sent) {
	f.t.Helper()
	if e := events[0]; e.Type == task.EventQueued {
		if e.record.Seq < 1 || e.record.Seq == 1 && e.record.Status != task.Pending {
			f.t.Errorf("%s: task_queued went out when the record was %s at %d", record.ID, e.record.Status, e.record.Seq)
		}
		if events = events[1:]; len(events) == 0 {
			f.t.Errorf("%s is %s and has task_queued only", record.ID, record.Status)
			return
		}
	}
	last := events[len(events)-1]
	if endings[last.Type] != record.Status || last.record.Status != record.Status || last.Seq != record.Seq {
		f.t.Errorf("%s is %s, its last event is %+v", record.ID, record.Status, last)
	}
	begun, running := 0, false // the attempt that was begun last, and whether it was not given back
	var stop uint64            // the number of task_cancel_requested
	for i, e := range events[:len(events)-1] {
		if e.Type == task.EventStarted && (begun != e.Attempt || running) { // else it was given back
			begun++
			if i > 0 { // T18
				f.wantRetry(events[i-1], e)
			}
		}
		if e.Type == task.EventCancelRequested {
			if stop != 0 || !e.record.CancelRequested {
				f.t.Errorf("%s: asked to stop at %d and at %d, the record is %+v", record.ID, stop, e.Seq, e.record)
			}
			stop = e.Seq
		}
		running = e.Type != task.EventQueued
		if e.Attempt != begun {
			f.t.Errorf("%s: %s is of attempt %d, begun were %d", record.ID, e.Type, e.Attempt, begun)
		}
		shown := e.Type == task.EventQueued || e.Type == task.EventRetrying || e.record.Seq > e.Seq || f.runs(e) && e.record.Attempt == begun // what is sent in the background the record may be beyond
		if endings[e.Type] != "" || !shown || e.record.Seq < e.Seq {
			f.t.Errorf("%s: %s with the seq %d went out when the record was %s at %d", record.ID, e.Type, e.Seq, e.record.Status, e.record.Seq)
		}
	}
	never := record.Status == task.Cancelled && begun < 2 && (!running || record.Started.IsZero()) // it was cancelled before it could be said that it was given back
	if record.Started.IsZero() != never || begun > 0 && events[0].Type != task.EventStarted {
		f.t.Errorf("%s started at %s, its first event is %s", record.ID, record.Started, events[0].Type)
	}
	if asked := record.CancelRequested && record.Attempt == begun && running; stop != record.CancelSeq || asked != (stop != 0) {
		f.t.Errorf("%s was asked to stop: %t, its record says at %d, its events at %d", record.ID, asked, record.CancelSeq, stop)
	}
	if waited := last.Type == task.EventCancelled && record.Attempt == begun+1; record.Attempt != begun && !waited {
		f.t.Errorf("%s is at attempt %d, begun were %d", record.ID, record.Attempt, begun)
	}
}

// wantRetry checks what goes out between two attempts, and that the second keeps to it
// (T18).
func (f *fixture) wantRetry(e, started sent) {
	f.t.Helper()
	var said task.Retrying
	if err := json.Unmarshal(e.Data, &said); err != nil || e.Type != task.EventRetrying {
		f.t.Errorf("%s: %s with %s came before attempt %d, %v", e.TaskID, e.Type, e.Data, started.Attempt, err)
	}
	policy := f.policyOf(e.record.Type)
	wait := said.NextAt.Sub(f.timeOf(e))
	if said.Error == "" || said.Attempt != e.Attempt+1 || said.Attempt > policy.Attempts || wait < policy.RetryDelay(e.TaskID, said.Attempt) || e.record.Attempt < said.Attempt {
		f.t.Errorf("%s: attempt %d is followed by %s after %s, the record is %+v", e.TaskID, e.Attempt, e.Data, wait, e.record)
	}
	if at := f.timeOf(started); at.Before(said.NextAt) {
		f.t.Errorf("%s: attempt %d began at %s, not before %s", e.TaskID, started.Attempt, at, said.NextAt)
	}
}

// runs reports whether the record said that the task runs when e went out, or e tells in
// the same breath as its end that it was asked to stop.
func (*fixture) runs(e sent) bool {
	return e.record.Status == task.Running || e.Type == task.EventCancelRequested && e.record.Seq == e.Seq+1
}

// wantRisingProgress checks that the value never goes back within an attempt
// (T4).
func (f *fixture) wantRisingProgress(events []sent) {
	f.t.Helper()
	last, attempt := 0.0, 0
	for _, e := range events {
		if e.Type != task.EventProgress {
			continue
		}
		if e.Attempt != attempt {
			last, attempt = 0, e.Attempt
		}
		var p task.Progress
		if err := json.Unmarshal(e.Data, &p); err != nil || p.Value < last || p.Value > 1 {
			f.t.Errorf("%s: progress %s after %v (%v)", e.TaskID, e.Data, last, err)
		}
		last = p.Value
	}
}
