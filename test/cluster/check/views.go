package check

import (
	"encoding/json"
	"maps"
	"slices"

	"heliograph/test/sseclient"
)

// view is what a page shows of tasks: the newest that it got of each.
type view map[string]shown

type shown struct {
	seq   uint64
	ended bool
}

// take shows what an event says, unless something newer is shown already.
func (v view) take(e sseclient.Event) {
	switch e.Name {
	case streamReset: // the snapshot that follows has all that goes on
		maps.DeleteFunc(v, func(_ string, s shown) bool { return !s.ended })
	case taskSnapshot:
		var s struct {
			Tasks []message `json:"tasks"`
		}
		_ = json.Unmarshal([]byte(e.Data), &s)
		for _, m := range s.Tasks {
			v.show(m, false)
		}
	case taskEvent:
		var m message
		_ = json.Unmarshal([]byte(e.Data), &m)
		_, ended := outcomes[m.Type]
		if m.Task != "" {
			v.show(m, ended)
		}
	}
}

func (v view) show(m message, ended bool) {
	if before, known := v[m.Task]; !known || m.Seq > before.seq {
		v[m.Task] = shown{m.Seq, ended}
	}
}

// unfinished are the tasks that the page shows as if they went on.
func (v view) unfinished() (tasks []string) {
	for task, s := range v {
		if !s.ended {
			tasks = append(tasks, task)
		}
	}
	slices.Sort(tasks)
	return tasks
}
