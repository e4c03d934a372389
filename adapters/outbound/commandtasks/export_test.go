package commandtasks

import (
	"encoding/json"
	"errors"

	"heliograph/domain/task"
)

// Printed takes what a command of h prints, in chunks, and returns what becomes
// of it: the result if it ends well, the error if not.
func Printed(h task.Handler, report task.Reporter, chunks ...string) (json.RawMessage, error) {
	out := newOutput(h.(*command).progress, report)
	for _, c := range chunks {
		_, _ = out.stdout.Write([]byte(c)) // it never fails
	}
	out.close()
	result, err := out.result()
	return result, errors.Join(err, out.failure(errors.New("it failed")))
}
