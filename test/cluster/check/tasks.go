package check

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// outcomes are the statuses that go with the events that end a task.
var outcomes = map[string]string{
	"task_completed": "completed", "task_failed": "failed", "task_cancelled": "cancelled",
}

// message is the payload of a task_event. A version has no task.
type message struct {
	Type    string `json:"event_type"`
	Task    string `json:"task_id"`
	Seq     uint64 `json:"seq"`
	Attempt int    `json:"attempt"`
}

// life is what the log says of one task.
type life struct {
	last message
	ends []State // what its last events say
}

// follow reads the log in its order.
func (j *checker) follow() {
	bySeq := func(a, b Place) int { return cmp.Compare(a.Seq, b.Seq) }
	for _, p := range slices.SortedFunc(maps.Keys(j.log), bySeq) {
		var m message
		if err := json.Unmarshal([]byte(j.log[p]), &m); err != nil {
			j.wrong("T3: at %s: %s", p, err)
		}
		if m.Task != "" {
			j.take(p, m)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.tasks)) {
		if ends := j.tasks[id].ends; len(ends) != 1 {
			j.wrong("T11: task %s has the last events %v, want one", id, ends)
		}
	}
}

func (j *checker) take(p Place, m message) {
	l, known := j.tasks[m.Task]
	if !known {
		l = &life{}
		j.tasks[m.Task] = l
	}
	if m.Seq <= l.last.Seq || m.Attempt < l.last.Attempt {
		j.wrong("T3: task %s: at %s number %d of attempt %d after number %d of attempt %d",
			m.Task, p, m.Seq, m.Attempt, l.last.Seq, l.last.Attempt)
	}
	switch removed := m.Type == "task_removed"; { // which alone comes after the last event (T3)
	case len(l.ends) > 0 && (!removed || l.last.Type == m.Type):
		j.wrong("T11: task %s: at %s %s after its last event", m.Task, p, m.Type)
	case len(l.ends) == 0 && removed:
		j.wrong("T11: task %s: at %s %s before its last event", m.Task, p, m.Type)
	}
	if status, end := outcomes[m.Type]; end {
		l.ends = append(l.ends, State{status, m.Seq, m.Attempt})
	}
	l.last = m
}

// conflated requires that what was left out was progress. What no client got
// cannot be checked here: the tasks' ends are.
func (j *checker) conflated() {
	for p, client := range j.skipped {
		var m message
		data, received := j.log[p]
		if _ = json.Unmarshal([]byte(data), &m); received && m.Type != "progress_update" {
			j.wrong("E10: client %s did not get %s at %s", client, m.Type, p)
		}
	}
}

// keys requires that the same key has always started the same task.
func (j *checker) keys(started []Started) {
	tasks := map[string]string{}
	for _, s := range started {
		if before, known := tasks[s.Key]; known && before != s.Task {
			j.wrong("T14: key %s has started task %s and task %s", s.Key, before, s.Task)
		}
		tasks[s.Key] = s.Task
	}
}

// states requires that every task was asked for, has ended, and as every node says.
func (j *checker) states(started []Started, states map[string]map[string]State) {
	asked, all := map[string]bool{}, map[string]bool{}
	for _, s := range started {
		asked[s.Task], all[s.Task] = true, true
	}
	for id := range j.tasks {
		all[id] = true
	}
	for _, known := range states {
		for id := range known {
			all[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if !asked[id] {
			j.wrong("T14: no client got the start of task %s", id)
		}
		j.agree(id, states)
	}
}

// agree holds the task's last event against what the nodes say.
func (j *checker) agree(id string, states map[string]map[string]State) {
	l := j.tasks[id]
	if l == nil {
		j.wrong("T11: no node knows task %s", id)
		return
	}
	for _, node := range slices.Sorted(maps.Keys(states)) {
		if got := states[node][id]; len(l.ends) > 0 && got != l.ends[0] {
			j.wrong("T11: task %s is %v on node %s, its last event says %v", id, got, node, l.ends[0])
		}
	}
}
