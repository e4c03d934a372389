package demotasks

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// The bounds of the params: more than a demonstration needs, and little enough
// that nobody keeps a worker busy for a day or floods browsers with events.
const (
	maxSeconds  = 3600
	maxSteps    = 10_000
	minInterval = 0.001 // seconds
)

// decode reads params over the defaults; fields that it does not know are left
// alone. Errors: task.ErrInvalidParams.
func (h handler) decode(params json.RawMessage) (work, error) {
	w := h.defaults()
	var err error
	if len(params) > 0 {
		err = readable(json.Unmarshal(params, w))
	}
	if err = cmp.Or(err, w.check()); err != nil {
		return nil, fmt.Errorf("%w: %w", task.ErrInvalidParams, err)
	}
	return w, nil
}

// readable says in a caller's words what encoding/json says in Go's.
func readable(err error) error {
	if err == nil {
		return nil
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return errors.New("they are not valid JSON")
	case wrong.Field == "":
		return errors.New("they must be an object")
	default:
		return fmt.Errorf("%q cannot be a %s", wrong.Field, wrong.Value)
	}
}

// seconds is a duration as callers write it.
type seconds float64

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// within says which field is out of its bounds, if it is.
func within(field string, value, least, most float64) error {
	if value < least || value > most {
		return fmt.Errorf("%q is %v, but must be between %v and %v", field, value, least, most)
	}
	return nil
}
