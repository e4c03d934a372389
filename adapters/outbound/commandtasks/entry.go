package commandtasks

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"heliograph/domain/task"
)

// entry is one task type in the file.
type entry struct {
	Description string        `yaml:"description"`
	Params      yaml.MapSlice `yaml:"params"`
	Required    []string      `yaml:"required"`
	TimeLimit   string        `yaml:"time_limit"`
	Concurrency int           `yaml:"concurrency"`
	Priority    int           `yaml:"priority"`
	Keep        string        `yaml:"keep"`
	Audience    any           `yaml:"audience"`
	Scope       *string       `yaml:"scope"`
	HideParams  bool          `yaml:"hide_params"`
	// ResultSchema is what is returned, for those who read it.
	ResultSchema any `yaml:"result_schema"`

	Retries *retriesEntry `yaml:"retries"`
	Worker  *workerEntry  `yaml:"worker"`

	Command   []any             `yaml:"command"`
	Folder    string            `yaml:"folder"`
	Env       map[string]string `yaml:"env"`
	Inherit   []string          `yaml:"inherit"`
	Progress  mode              `yaml:"progress"`
	Pattern   string            `yaml:"pattern"`
	Unit      string            `yaml:"unit"`
	KillAfter string            `yaml:"kill_after"`
	Result    string            `yaml:"result"`
	Output    bool              `yaml:"output"`
}

// workerEntry is what a type whose workers are elsewhere needs.
type workerEntry struct {
	Lease    string `yaml:"lease"`
	Attempts int    `yaml:"attempts"`
	Backoff  string `yaml:"backoff"`
}

// typeName is what fits into URLs, metrics and logs without quoting.
var typeName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// build makes a task type of an entry.
func (e entry) build(name string, host Host) (task.Type, error) {
	if !typeName.MatchString(name) {
		return task.Type{}, errors.New("a task type's name is 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	schema, err := e.schema()
	if err != nil {
		return task.Type{}, err
	}
	typ := task.Type{Name: name, Description: e.Description, ParamsSchema: schema.JSON(), HideParams: e.HideParams}
	typ.Policy, err = e.policy()
	if err == nil {
		typ.ResultSchema, err = e.resultSchema()
	}
	if err == nil {
		typ.Audience, typ.Scope, err = e.access()
	}
	if err != nil {
		return task.Type{}, err
	}
	switch {
	case e.Worker != nil && e.anyOfCommand():
		return task.Type{}, errors.New("it has a worker, so nothing of a command can be set")
	case e.Worker != nil:
		typ.Outside, typ.Handler = true, outside{schema}
		err = e.Worker.add(&typ.Policy, e.Retries)
	default:
		typ.Runner = task.RunnerCommand
		typ.Handler, err = e.command(schema, host)
	}
	return typ, err
}

// anyOfCommand reports whether a field is set that only commands have.
func (e entry) anyOfCommand() bool {
	return len(e.Command)+len(e.Env)+len(e.Inherit) > 0 || e.Output ||
		cmp.Or(e.Folder, string(e.Progress), e.Pattern, e.Unit, e.KillAfter, e.Result) != ""
}

func (e entry) policy() (task.Policy, error) {
	limit, err := duration(e.TimeLimit)
	if err != nil {
		return task.Policy{}, in("time_limit", err)
	}
	keep, err := duration(e.Keep)
	if err != nil {
		return task.Policy{}, in("keep", err)
	}
	if e.Concurrency < 0 {
		return task.Policy{}, in("concurrency", errors.New("it must not be negative"))
	}
	p := task.Policy{Timeout: limit, Concurrency: e.Concurrency, Priority: e.Priority, Keep: keep}
	return p, in("retries", e.Retries.add(&p))
}

// add puts what only workers have into p, which has the retries, if there are any.
func (w workerEntry) add(p *task.Policy, retries *retriesEntry) error {
	if retries != nil && (w.Attempts != 0 || w.Backoff != "") {
		return in("worker", errors.New("attempts and backoff are in retries already, which count lost workers, too"))
	}
	if retries != nil && retries.FinalExit != nil {
		return in("retries", errors.New("final_exit is for commands; a worker says \"retry\": false"))
	}
	lease, err1 := duration(w.Lease)
	backoff, err2 := duration(w.Backoff)
	if err := cmp.Or(err1, err2); err != nil {
		return in("worker", err)
	}
	if w.Attempts < 0 {
		return in("worker", errors.New("attempts must not be negative"))
	}
	p.Lease = lease
	if retries == nil {
		p.Backoff, p.Attempts = backoff, w.Attempts
	}
	return nil
}

// duration reads a duration of more than 0; "" is 0.
func duration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 15s or 5m", s)
	}
	return d, nil
}

// howItReads returns how progress is read from the command's output.
func (e entry) howItReads() (progress, error) {
	if e.Pattern != "" {
		if e.Progress != "" {
			return progress{}, in("progress", errors.New("a pattern is set, too; only one of them can be"))
		}
		p, err := byPattern(e.Pattern, e.Unit)
		return p, in("pattern", err)
	}
	if e.Unit != "" {
		return progress{}, in("unit", errors.New("only a pattern has a unit"))
	}
	m, allowed := cmp.Or(e.Progress, modeText), []mode{modeText, modeJSON, modeNone}
	if !slices.Contains(allowed, m) {
		return progress{}, in("progress", fmt.Errorf("%q is none of %q", string(m), allowed))
	}
	return progress{mode: m}, nil
}

// variableName is what every shell and system takes for one.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func checkNames(names ...string) error {
	for _, name := range names {
		if !variableName.MatchString(name) {
			return fmt.Errorf("%q is not the name of a variable", name)
		}
	}
	return nil
}
