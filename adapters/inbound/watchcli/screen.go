package watchcli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/stream"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// screen is the view on a terminal: bars for the tasks that run stand at its lower end, and
// what has happened scrolls away above them.
type screen struct {
	terminal cli.Terminal
	service  string
	area     cli.Area
	tasks    taskSet
	above    []string // what the next frame has above the bars
	changed  bool     // since the last frame
	reset    bool     // events were lost, and what is known of the tasks may be wrong
}

func newScreen(service string, t Terminal) *screen {
	return &screen{terminal: t, service: service, area: cli.Area{Terminal: t}, changed: true}
}

const (
	// mostBars is how many bars there are at most, if the terminal has room for them.
	mostBars = 20
	// mostAbove is how many lines are gathered for a frame.
	mostAbove = 500
	// mostData bounds what is shown of an event's data, in columns.
	mostData = 300
)

func (s *screen) tick() {
	if !s.changed {
		return
	}
	s.area.Draw(s.above, s.lines())
	s.above, s.changed = nil, false
}

func (s *screen) end() {
	s.area.Draw(s.above, nil)
	s.area.Clear()
}

// say adds a line above the bars.
func (s *screen) say(at time.Time, style cli.Style, text string) {
	s.above = append(s.above, s.terminal.Paint(cli.Faint, at.Local().Format(time.TimeOnly))+" "+s.terminal.Paint(style, cli.Plain(text)))
	s.changed = true
	if len(s.above) >= mostAbove {
		s.tick()
	}
}

func (s *screen) opened() { s.tasks.rounds++ }

func (s *screen) note(text string) { s.say(time.Now(), cli.Yellow, "-- "+text) }

func (s *screen) event(ev apiclient.StreamEvent) error {
	s.changed = true
	switch ev.Name {
	case task.EventName:
		var te apiclient.TaskEvent
		if json.Unmarshal([]byte(ev.Data), &te) == nil {
			s.taskEvent(te)
		}
	case task.SnapshotName:
		var part task.Snapshot
		if json.Unmarshal([]byte(ev.Data), &part) == nil {
			s.snapshot(part)
		}
	case stream.NameReset:
		s.reset = true
		s.note("events are missing here: " + explain(ev.Data))
	case stream.NameExpiring:
		s.note("the credential ends soon")
	case stream.NameExpired:
		s.note("the credential has ended")
	case stream.NameReplaced:
		s.note("another stream has taken the place of this one")
	case version.EventName:
		var v struct{ Version string }
		_ = json.Unmarshal([]byte(ev.Data), &v) // it always is there
		s.say(time.Now(), cli.Bold, "version "+v.Version)
	default:
		s.say(time.Now(), cli.Regular, ev.Name+" "+cli.Cut(ev.Data, mostData))
	}
	return nil
}

// explain says why a stream could not go on where it was.
func explain(data string) string {
	var reset struct{ Reason string }
	_ = json.Unmarshal([]byte(data), &reset) // what it does not say is ""
	switch reset.Reason {
	case "expired":
		return "the log no longer reaches back to where this was"
	case "epoch":
		return "the service was restarted, and has begun another log"
	case "invalid":
		return "the service does not know the place from which to go on"
	}
	return reset.Reason
}

func (s *screen) taskEvent(ev apiclient.TaskEvent) {
	t, ok := s.tasks.apply(ev)
	if !ok {
		return
	}
	name := ev.TaskType + " " + string(ev.TaskID)
	switch {
	case ev.Type == task.EventRemoved:
		s.say(ev.Timestamp, cli.Faint, "- "+name+" removed")
	case ev.Type == task.EventRetrying:
		s.say(ev.Timestamp, cli.Yellow, fmt.Sprintf("~ %s attempt %d ended: %s", name, ev.Attempt, text(t.Error)))
	case t.Status.Terminal():
		s.say(ev.Timestamp, cli.StyleOf(t.Status), mark(t.Status)+" "+name+" "+cli.Summary(t))
	}
}

// mark tells the outcomes apart without colours.
func mark(status task.Status) string {
	switch status {
	case task.Completed:
		return "✓"
	case task.Failed:
		return "✗"
	case task.Cancelled, task.Pending, task.Running:
	}
	return "∅"
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s *screen) snapshot(part task.Snapshot) {
	gone := s.tasks.snapshot(part)
	if s.reset {
		for _, t := range gone {
			s.note(t.Type + " " + string(t.ID) + " has ended meanwhile: heliograph task " + string(t.ID) + " says how")
		}
	}
	s.reset = s.reset && part.More
}

// lines returns the bars, and the last line.
func (s *screen) lines() []string {
	running, waiting := s.tasks.running()
	width, room := s.terminal.Width(), min(mostBars, s.terminal.Height()-2)
	shown := running[:min(len(running), max(room, 0))]
	names := 0
	for _, t := range shown {
		names = max(names, len(t.Type))
	}
	lines := make([]string, 0, len(shown)+1)
	for _, t := range shown {
		state := ""
		if t.CancelRequested {
			state = "stopping, "
		}
		row := fmt.Sprintf("%-*s %.8s %s %s", names, cli.Plain(t.Type), t.ID, cli.Bar(t.Progress.Value), state+cli.Detail(t))
		lines = append(lines, cli.Cut(strings.TrimRight(row, ", "), width-1))
	}
	last := fmt.Sprintf("%d running, %d waiting", len(running), waiting)
	if hidden := len(running) - len(shown); hidden > 0 {
		last += fmt.Sprintf(" (%d not shown)", hidden)
	}
	return append(lines, s.terminal.Paint(cli.Faint, cli.Cut(last+"  "+s.service+"  Ctrl-C ends", width-1)))
}

// taskSet is what is known of the unfinished tasks.
type taskSet struct {
	known  map[task.ID]*knownTask
	rounds int // how often the stream was opened
}

type knownTask struct {
	taskjson.Task

	round int // in which it was heard of last
}

// mostTasks bounds the tasks that are known; of others only the end is shown.
const mostTasks = 10_000

// apply takes over an event, and returns the task as it is then, and whether the event was
// news. A task that is over is not kept.
func (s *taskSet) apply(ev apiclient.TaskEvent) (taskjson.Task, bool) {
	t := taskjson.Task{ID: ev.TaskID, Type: ev.TaskType, Created: ev.Created, Status: task.Pending}
	if k := s.known[ev.TaskID]; k != nil {
		if ev.Seq <= k.Seq {
			return k.Task, false
		}
		t = k.Task
	}
	t = ev.Apply(t)
	switch {
	case ev.Type == task.EventRemoved:
		delete(s.known, ev.TaskID)
		return t, true
	case ev.Type == task.EventStarted:
		t.StartTime = &ev.Timestamp
	case t.Status.Terminal():
		t.EndTime = &ev.Timestamp
		delete(s.known, ev.TaskID)
		return t, true
	}
	s.keep(t)
	return t, true
}

func (s *taskSet) keep(t taskjson.Task) {
	if s.known == nil {
		s.known = map[task.ID]*knownTask{}
	}
	if k := s.known[t.ID]; k != nil || len(s.known) < mostTasks {
		s.known[t.ID] = &knownTask{t, s.rounds}
	}
}

// snapshot takes over a part of one. After the last it returns the tasks that were not heard of
// since the stream was opened, and forgets them: they have ended.
func (s *taskSet) snapshot(part task.Snapshot) (gone []taskjson.Task) {
	for _, listed := range part.Tasks {
		t := taskjson.Task{ID: listed.TaskID, Type: listed.Type, Created: listed.Created}
		if k := s.known[t.ID]; k != nil {
			if t = k.Task; listed.Seq < t.Seq {
				s.keep(t)
				continue
			}
		}
		t.Status, t.CancelRequested, t.Progress, t.Seq, t.Attempt = listed.Status, listed.CancelRequested, listed.Progress, listed.Seq, listed.Attempt
		t.RunAt, t.NextAt = taskjson.OrNull(listed.RunAt), taskjson.OrNull(listed.NextAt)
		s.keep(t)
	}
	if part.More {
		return nil
	}
	for id, k := range s.known {
		if k.round < s.rounds {
			gone = append(gone, k.Task)
			delete(s.known, id)
		}
	}
	return gone
}

// running returns the tasks that run, the oldest first, and how many wait.
func (s *taskSet) running() (running []taskjson.Task, waiting int) {
	for _, k := range s.known {
		if k.Status == task.Running {
			running = append(running, k.Task)
		} else {
			waiting++
		}
	}
	slices.SortFunc(running, func(x, y taskjson.Task) int {
		if c := x.Created.Compare(y.Created); c != 0 {
			return c
		}
		return strings.Compare(string(x.ID), string(y.ID))
	})
	return running, waiting
}
