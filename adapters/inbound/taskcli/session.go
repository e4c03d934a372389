package taskcli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// session is one call of Run. Its loop speaks with the person and owns the
// fields; other goroutines speak with the service.
type session struct {
	options  Options
	terminal Terminal
	client   *apiclient.Client
	working  sync.WaitGroup
	asked    chan error // how asking for the cancellation went; nil is well

	view      view
	known     taskjson.Task // what the view was shown last
	asking    bool          // the person was asked what to do
	interrupt time.Time     // of the last one; zero if there was none since the last answer
	answers   chan string   // what the person says; nil until asked
	stopping  bool          // the task's cancellation was asked for here
}

// outcome is how the work with the service ended.
type outcome struct {
	task taskjson.Task
	err  error
	// started says that there is a task.
	started bool
}

func (s *session) run(ctx context.Context) int {
	ctx, leave := context.WithCancel(ctx)
	defer func() { leave(); s.working.Wait() }()
	shown, ended := make(chan taskjson.Task), make(chan outcome, 1)
	s.working.Go(func() { ended <- s.work(ctx, shown) })
	s.view, s.asked = newView(s.terminal), make(chan error)
	return s.loop(ctx, shown, ended)
}

// work starts the task and follows it.
func (s *session) work(ctx context.Context, shown chan<- taskjson.Task) outcome {
	t, err := s.start(ctx)
	if err != nil || s.options.Detach || t.Status.Terminal() {
		return outcome{task: t, err: err, started: err == nil}
	}
	t, err = s.client.Follow(ctx, t, func(t taskjson.Task) {
		select {
		case shown <- t:
		case <-ctx.Done():
		}
	})
	return outcome{task: t, err: err, started: true}
}

// tick is how often the view is drawn anew though nothing came, for its clock.
const tick = time.Second

func (s *session) loop(ctx context.Context, shown <-chan taskjson.Task, ended <-chan outcome) int {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case t := <-shown:
			s.show(t)
		case <-clock.C:
			s.draw()
		case err := <-s.asked:
			s.cancelled(err)
		case o := <-ended:
			return s.conclude(o)
		case line := <-s.answers:
			if s.answered(ctx, line) {
				return s.left()
			}
		case sig := <-s.terminal.Interrupts:
			if sig != os.Interrupt || s.interrupted(ctx) {
				return s.left()
			}
		}
	}
}

func (s *session) show(t taskjson.Task) {
	if s.known.ID == "" {
		s.terminal.say("task %s of type %s is %s", t.ID, t.Type, t.Status)
		s.known = t
		return
	}
	t.CancelRequested = t.CancelRequested || s.stopping // there is no event for it
	s.known = t
	s.draw()
}

// draw shows how far the task is, unless a question stands on the terminal.
func (s *session) draw() {
	if s.known.ID != "" && !s.known.Status.Terminal() && !s.asking {
		s.view.show(s.known)
	}
}

// repeatWindow is the time in which a second interrupt counts as the first: a parent
// process may pass on what the terminal has sent to us as well.
const repeatWindow = 250 * time.Millisecond

// interrupted reports whether to leave: at the second Ctrl-C, and at the first while there is
// no task yet, or if that is only followed.
func (s *session) interrupted(ctx context.Context) bool {
	if s.options.Attach != "" {
		return true
	}
	if s.known.ID == "" || !s.interrupt.IsZero() {
		return time.Since(s.interrupt) >= repeatWindow
	}
	s.interrupt = time.Now()
	if !s.terminal.Interactive {
		s.cancel(ctx)
		return false
	}
	s.asking = true
	s.view.clear()
	_, _ = fmt.Fprint(s.terminal.Err, "\nc = cancel the task, d = detach, anything else goes on; then Enter: ")
	if s.answers == nil {
		s.answers = make(chan string)
		go s.listen(ctx)
	}
	return false
}

// listen hands over what the person types. Its end is not waited for: a read from
// a terminal cannot be cancelled, and the process ends with the session.
func (s *session) listen(ctx context.Context) {
	for lines := bufio.NewScanner(s.terminal.In); lines.Scan(); {
		select {
		case s.answers <- strings.TrimSpace(lines.Text()):
		case <-ctx.Done():
			return
		}
	}
}

// answered reports whether to leave.
func (s *session) answered(ctx context.Context, line string) bool {
	if !s.asking {
		return false // there was no question
	}
	s.asking, s.interrupt = false, time.Time{}
	switch strings.ToLower(line) {
	case "c":
		s.cancel(ctx)
	case "d":
		return true
	}
	s.draw()
	return false
}

// cancel asks the service, which may take a while to answer.
func (s *session) cancel(ctx context.Context) {
	id := s.known.ID
	s.working.Go(func() {
		select {
		case s.asked <- s.client.Cancel(ctx, id):
		case <-ctx.Done():
		}
	})
}

// cancelled prints the result of asking for the cancellation. The end of a task
// that has ended meanwhile comes as an event.
func (s *session) cancelled(err error) {
	s.view.clear()
	if err != nil {
		s.terminal.say("cancel: %s", cli.Plain(err.Error()))
		return
	}
	s.stopping, s.known.CancelRequested = true, true
	s.terminal.say("the task was asked to stop")
	s.draw()
}

// settle makes room for a line, after a question too.
func (s *session) settle() {
	s.view.clear()
	if s.asking {
		_, _ = fmt.Fprintln(s.terminal.Err)
	}
	s.asking = false
}

func (s *session) left() int {
	s.settle()
	if s.known.ID != "" {
		s.terminal.say("left; task %s goes on", s.known.ID)
	}
	return Left
}

// conclude prints how it ended and returns the exit status.
func (s *session) conclude(o outcome) int {
	s.settle()
	switch {
	case !o.started:
		s.terminal.say("%s", cli.Plain(o.err.Error()))
		if s.options.Attach != "" {
			return cli.StatusOf(o.err)
		}
		return statusOf(o.err)
	case s.options.Detach:
		return s.detached(o.task)
	case o.err != nil:
		s.terminal.say("lost sight of task %s: %s", o.task.ID, cli.Plain(o.err.Error()))
		return Lost
	}
	s.terminal.say("%s", cli.Summary(o.task))
	status := exitStatus(o.task.Status)
	if s.options.JSON {
		return s.print(o.task, status)
	} else if status == Completed {
		return s.print(o.task.Result, status)
	}
	return status
}

func (s *session) detached(t taskjson.Task) int {
	if s.options.JSON {
		return s.print(map[string]any{"task_id": t.ID, "status": t.Status}, Completed)
	}
	_, err := fmt.Fprintln(s.terminal.Out, t.ID)
	return s.printed(err, Completed)
}

// print writes v as JSON to standard output. It returns the exit status.
func (s *session) print(v any, status int) int {
	out := json.NewEncoder(s.terminal.Out)
	out.SetEscapeHTML(false)
	return s.printed(out.Encode(v), status)
}

// printed returns the exit status: what was not printed is as good as not done,
// to the script that waits for it.
func (s *session) printed(err error, status int) int {
	if err == nil {
		return status
	}
	s.terminal.say("standard output: %v", err)
	return max(status, Failed)
}

func exitStatus(s task.Status) int {
	switch s {
	case task.Completed:
		return Completed
	case task.Cancelled:
		return Cancelled
	default:
		return Failed
	}
}
