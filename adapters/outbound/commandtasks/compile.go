package commandtasks

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heliograph/adapters/internal/params"
)

// killAfter is how long a command may take to stop when the file does not say.
const killAfter = 10 * time.Second

// command makes the handler of an entry.
func (e entry) command(schema *params.Schema, host Host) (*command, error) {
	c := &command{schema: schema, log: host.Log, folder: e.Folder, finalExit: e.Retries.finalExit()}
	var err error
	if c.program, err = program(e.Command); err != nil {
		return nil, in("command", err)
	}
	if c.arguments, err = argumentsOf(e.Command[1:], schema); err != nil {
		return nil, in("command", err)
	}
	if e.Folder != "" && !filepath.IsAbs(e.Folder) {
		return nil, in("folder", fmt.Errorf("%q is not an absolute path", e.Folder))
	}
	if c.environment, err = variablesOf(e.Env, schema); err != nil {
		return nil, in("env", err)
	}
	if c.inherited, err = inherited(e.Inherit, host); err != nil {
		return nil, in("inherit", err)
	}
	if c.killAfter, err = e.killDelay(host.Grace); err != nil {
		return nil, in("kill_after", err)
	}
	if c.wraps, err = e.wrapsResult(); err != nil {
		return nil, in("result", err)
	}
	c.prints = e.Output
	c.progress, err = e.howItReads()
	return c, err
}

// wrapsResult reports whether the result is put beside the exit status.
func (e entry) wrapsResult() (bool, error) {
	switch e.Result {
	case "", "printed":
		return false, nil
	case "wrapped":
		return true, nil
	default:
		return false, fmt.Errorf("%q is neither printed nor wrapped", e.Result)
	}
}

// program returns the absolute path of a command's first word, in which params
// have no place.
func program(command []any) (string, error) {
	if len(command) == 0 {
		return "", errors.New("it is missing; an entry needs a command, or worker: {}")
	}
	name, ok := command[0].(string)
	if !ok || strings.Contains(name, "${") {
		return "", errors.New("it begins with the program: a fixed text")
	}
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		return "", fmt.Errorf("%q is neither a program's name nor an absolute path", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("there is no program %q", name)
	}
	return path, nil
}

// argumentsOf reads what follows the program: texts, and lists of texts that
// belong together.
func argumentsOf(words []any, schema *params.Schema) ([]argument, error) {
	var all []argument
	for _, word := range words {
		group, ok := word.([]any)
		if !ok {
			group = []any{word}
		}
		var a argument
		for _, one := range group {
			t, err := templateOf(one, schema)
			if err != nil {
				return nil, err
			}
			a = append(a, t)
		}
		all = append(all, a)
	}
	return all, nil
}

func templateOf(word any, schema *params.Schema) (template, error) {
	switch word.(type) {
	case string, int64, uint64:
		return parseTemplate(fmt.Sprint(word), schema.Has)
	default: // YAML has changed how it was written
		return nil, fmt.Errorf("put the argument %v into quotes", word)
	}
}

func variablesOf(env map[string]string, schema *params.Schema) ([]variable, error) {
	names := slices.Sorted(maps.Keys(env))
	if err := checkNames(names...); err != nil {
		return nil, err
	}
	var all []variable
	for _, name := range names {
		t, err := parseTemplate(env[name], schema.Has)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, variable{name, t})
	}
	return all, nil
}

// inherited returns what a command gets of the service's environment, which has
// secrets that are none of its business.
func inherited(names []string, host Host) ([]string, error) {
	if err := checkNames(names...); err != nil {
		return nil, err
	}
	var all []string
	for _, name := range slices.Concat([]string{"PATH", "HOME", "LANG"}, names) {
		if value, ok := host.Lookup(name); ok {
			all = append(all, name+"="+value)
		}
	}
	return all, nil
}

// killDelay is the time between asking a command to stop and killing it. Both
// must be over before the task's worker gives it up.
func (e entry) killDelay(grace time.Duration) (time.Duration, error) {
	d, err := duration(e.KillAfter)
	if err != nil {
		return 0, err
	}
	if d != 0 && d >= grace {
		return 0, fmt.Errorf("%s must be less than TASK_CANCEL_GRACE, which is %s", d, grace)
	}
	return cmp.Or(d, min(killAfter, grace-grace/10)), nil
}
