package commandtasks

import (
	"cmp"
	"errors"
	"fmt"

	"heliograph/domain/task"
)

// retriesEntry says when a task is tried again (rule T18).
type retriesEntry struct {
	Attempts   int    `yaml:"attempts"`
	Backoff    string `yaml:"backoff"`
	MaxBackoff string `yaml:"max_backoff"`
	Timeouts   bool   `yaml:"timeouts"`
	// FinalExit are the exit statuses of a command after which trying again is useless; left out it
	// is 65.
	FinalExit []int `yaml:"final_exit"`
}

// exitDataErr is EX_DATAERR of sysexits.h: the input was wrong, and will be again.
const exitDataErr = 65

const maxExit = 255

// add puts the retries into p; nil leaves it as it is.
func (r *retriesEntry) add(p *task.Policy) error {
	if r == nil {
		return nil
	}
	if r.Attempts < 1 {
		return errors.New("attempts must be at least 1; the first one counts")
	}
	backoff, err1 := duration(r.Backoff)
	longest, err2 := duration(r.MaxBackoff)
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	if longest != 0 && backoff > longest {
		return fmt.Errorf("backoff is %s, more than max_backoff, %s", backoff, longest)
	}
	for _, status := range r.FinalExit {
		if status < 1 || status > maxExit {
			return fmt.Errorf("final_exit has %d, which is no exit status of a failure: 1 to %d", status, maxExit)
		}
	}
	p.Attempts, p.Backoff, p.MaxBackoff, p.RetryFailures, p.RetryTimeouts = r.Attempts, backoff, longest, true, r.Timeouts
	return nil
}

// finalExit returns the exit statuses after which trying again is useless.
func (r *retriesEntry) finalExit() []int {
	if r == nil || r.FinalExit == nil {
		return []int{exitDataErr}
	}
	return r.FinalExit
}
