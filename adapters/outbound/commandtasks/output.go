package commandtasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// output takes what a running program prints.
type output struct {
	stdout, stderr lines

	mu      sync.Mutex // both streams come line by line, each from a goroutine of its own
	meter   meter      // guarded by mu
	tail    tail       // guarded by mu
	printed printed    // guarded by mu
	tooBig  bool       // a line was over maxLine; guarded by mu
	fault   fault      // the last that stdout told; zero if it told none; guarded by mu
}

func newOutput(p progress, report task.Reporter) *output {
	o := &output{meter: meter{progress: p, report: report}}
	o.stdout.emit = func(line []byte, end lineEnd) { o.line(line, end, p.mode != modeNone) }
	o.stderr.emit = func(line []byte, end lineEnd) { o.line(line, end, false) }
	return o
}

// line takes one line, without its end, which may tell a fault.
func (o *output) line(line []byte, end lineEnd, tells bool) {
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tooBig = o.tooBig || end == tooLong
	if tells {
		if told, ok := parseFault(text); ok {
			o.fault = told
			return
		}
	}
	if !o.meter.read(text) {
		o.tail.add(printable(text), end)
		o.printed.add(text, end)
	}
}

// close takes what was printed without a line's end. The program must be gone.
func (o *output) close() {
	o.stdout.close()
	o.stderr.close()
}

// result is that of a program that ended well; nil if it told none.
func (o *output) result() (json.RawMessage, error) {
	if o.tooBig && o.meter.mode == modeJSON {
		return nil, fmt.Errorf("the command printed a line of more than %d bytes, which could have been its result", maxLine)
	}
	return o.meter.result, nil
}

// wrap puts a result beside the exit status, as it was before the program's own word was
// the result.
func wrap(result json.RawMessage) (json.RawMessage, error) {
	return event.Marshal(struct {
		ExitCode int             `json:"exit_code"`
		Result   json.RawMessage `json:"result,omitempty"`
	}{Result: result})
}

// failure says why a program failed, with the last of what it printed.
func (o *output) failure(err error) error {
	why := err.Error()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		why = "the command ended with " + exit.String()
	}
	if last := o.tail.String(); last != "" {
		return fmt.Errorf("%s:\n%s", why, last)
	}
	return errors.New(why)
}
