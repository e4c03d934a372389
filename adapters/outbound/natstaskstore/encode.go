package natstaskstore

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"heliograph/adapters/engine/natsbroker"
)

// errNotJSON: params or a result are no JSON, and cannot be stored.
var errNotJSON = errors.New("the value is not JSON")

// recordRoom is what most records take, in bytes.
const recordRoom = 512

// marshal returns what natsbroker.EncodeJSON makes of r, in less time: each
// task is written three times, and that is a good part of what it costs.
func (r *taskRecord) marshal() ([]byte, error) {
	o := object{text: append(make([]byte, 0, recordRoom+len(r.Params)+len(r.Result)), '{')}
	o.int("format", int64(r.Format))
	o.string("ID", string(r.ID))
	o.string("Type", r.Type)
	o.rawUnlessEmpty("Params", r.Params)
	o.stringUnlessEmpty("IdempotencyKey", r.IdempotencyKey)
	o.string("Status", string(r.Status))
	o.boolIfTrue("CancelRequested", r.CancelRequested)
	o.time("Created", r.Created)
	o.timeUnlessZero("Started", r.Started)
	o.timeUnlessZero("Ended", r.Ended)
	o.rawUnlessEmpty("Result", r.Result)
	o.stringUnlessEmpty("Error", r.Error)
	if r.Progress == (progressRecord{}) {
		o.raw("Progress", `{"text":"","value":0}`)
	} else {
		o.any("Progress", r.Progress)
	}
	o.uintUnlessZero("Seq", r.Seq)
	o.int("Attempt", int64(r.Attempt))
	o.stringUnlessEmpty("Lease", string(r.Lease))
	o.stringUnlessEmpty("Node", string(r.Node))
	o.uintUnlessZero("Hands", r.OwnerGeneration)
	if r.Ran != 0 {
		o.int("Ran", int64(r.Ran))
	}
	o.uintUnlessZero("Signs", r.Signs)
	if len(r.Relayed) > 0 {
		o.any("Relayed", r.Relayed)
	}
	o.boolIfTrue("Untold", r.FinalEventPending)
	o.timeUnlessZero("NotBefore", r.NotBefore)
	o.stringUnlessEmpty("Owner", r.Owner)
	if r.Audience != nil {
		o.any("Audience", r.Audience)
	}
	if len(r.Labels) > 0 {
		o.any("Labels", r.Labels)
	}
	o.timeUnlessZero("RunAt", r.RunAt)
	o.boolIfTrue("LeasedToStarter", r.LeasedToStarter)
	o.uintUnlessZero("CancelSeq", r.CancelSeq)
	o.boolIfTrue("Removed", r.Removed)
	o.stringUnlessEmpty("ErrorCode", r.ErrorCode)
	o.stringUnlessEmpty("RunsOn", r.RunsOn)
	o.stringUnlessEmpty("Worker", r.Worker)
	o.boolIfTrue("Truncated", r.Truncated)
	o.uintUnlessZero("Revision", r.Revision)
	return append(o.text, '}'), o.err
}

// object is a JSON object that is being written.
type object struct {
	text []byte
	err  error // the first one
}

func (o *object) name(name string) {
	if len(o.text) > 1 {
		o.text = append(o.text, ',')
	}
	o.text = append(o.text, '"')
	o.text = append(o.text, name...)
	o.text = append(o.text, '"', ':')
}

func (o *object) raw(name, value string) {
	o.name(name)
	o.text = append(o.text, value...)
}

func (o *object) rawUnlessEmpty(name string, value json.RawMessage) {
	if len(value) == 0 {
		return
	}
	if o.err == nil && !json.Valid(value) {
		o.err = errNotJSON
	}
	o.name(name)
	o.text = append(o.text, value...)
}

// any is for what is seldom there.
func (o *object) any(name string, value any) {
	text, err := natsbroker.EncodeJSON(value)
	if o.err == nil {
		o.err = err
	}
	o.name(name)
	o.text = append(o.text, text...)
}

func (o *object) string(name, value string) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			o.any(name, value)
			return
		}
	}
	o.name(name)
	o.text = append(o.text, '"')
	o.text = append(o.text, value...)
	o.text = append(o.text, '"')
}

func (o *object) stringUnlessEmpty(name, value string) {
	if value != "" {
		o.string(name, value)
	}
}

func (o *object) int(name string, value int64) {
	o.name(name)
	o.text = strconv.AppendInt(o.text, value, 10)
}

func (o *object) uintUnlessZero(name string, value uint64) {
	if value != 0 {
		o.name(name)
		o.text = strconv.AppendUint(o.text, value, 10)
	}
}

func (o *object) boolIfTrue(name string, value bool) {
	if value {
		o.raw(name, "true")
	}
}

func (o *object) time(name string, at time.Time) {
	if year := at.Year(); year < 0 || year > 9999 {
		o.any(name, at) // which has the error
		return
	}
	o.name(name)
	o.text = append(o.text, '"')
	o.text = at.AppendFormat(o.text, time.RFC3339Nano)
	o.text = append(o.text, '"')
}

func (o *object) timeUnlessZero(name string, at time.Time) {
	if !at.IsZero() {
		o.time(name, at)
	}
}
