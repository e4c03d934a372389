package commandtasks_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

func TestAnEntryIsATaskType(t *testing.T) {
	types, err := parse(`
tasks:
  thumbnails:
    description: Makes thumbnails
    params:
      width: {type: integer, minimum: 1}
    required: [width]
    time_limit: 1h
    keep: 48h
    concurrency: 2
    priority: 5
    worker: {lease: 45s, attempts: 3, backoff: 2s}
    result_schema: {type: array, items: {type: string}}
  nothing:
    command: ["true"]
    time_limit: 90s
  elsewhere:
    worker: {}
`)
	if err != nil {
		t.Fatal(err)
	}
	handlers := map[string]task.Handler{}
	for i := range types {
		handlers[types[i].Name], types[i].Handler = types[i].Handler, nil
	}
	empty := json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)
	want := []task.Type{
		{Name: "elsewhere", ParamsSchema: empty, Outside: true},
		{Name: "nothing", Runner: task.RunnerCommand, ParamsSchema: empty, Policy: task.Policy{Timeout: 90 * time.Second}},
		{
			Name: "thumbnails", Description: "Makes thumbnails", Outside: true,
			ParamsSchema: raw(`{"type":"object","properties":{"width":{"type":"integer","minimum":1}},"required":["width"],"additionalProperties":false}`),
			ResultSchema: raw(`{"type":"array","items":{"type":"string"}}`),
			Policy: task.Policy{
				Timeout: time.Hour, Concurrency: 2, Priority: 5, Attempts: 3, Backoff: 2 * time.Second, Lease: 45 * time.Second,
				Keep: 48 * time.Hour,
			},
		},
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if err := handlers["thumbnails"].Check(raw(`{}`)); !errors.Is(err, task.ErrInvalidParams) {
		t.Errorf("params for a worker are not checked: %v", err)
	}
	if err := handlers["thumbnails"].Check(raw(`{"width":1}`)); err != nil {
		t.Error(err)
	}
}

func TestAnEntrySaysWhomItsTasksAreForAndWhichScopeStartsThem(t *testing.T) { // A8, A11
	for entry, want := range map[string]task.Type{
		"": {}, "audience: owner": {}, // open, so that it is the owner
		"audience: everyone":        {Audience: access.Choice{Given: true}},
		"audience: {roles: [a, b]}": {Audience: access.Choice{Given: true, Audience: &access.Audience{Roles: []string{"a", "b"}}}},
		"audience: {subjects: [ann], request_ids: [tab]}": {
			Audience: access.Choice{Given: true, Audience: &access.Audience{Subjects: []string{"ann"}, RequestIDs: []string{"tab"}}},
		},
		"scope: reports:start": {Scope: "reports:start"}, "scope: admin": {Scope: "admin"},
		"hide_params: true": {HideParams: true}, "hide_params: false": {},
	} {
		types, err := parse("tasks:\n  a:\n    worker: {}\n    " + entry)
		if err != nil || len(types) != 1 {
			t.Errorf("%s: %v", entry, err)
			continue
		}
		got := task.Type{Audience: types[0].Audience, Scope: types[0].Scope, HideParams: types[0].HideParams}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", entry, diff)
		}
	}
}

func TestMistakesNameTheirLine(t *testing.T) { // S3, for operators
	for _, c := range []struct{ file, want string }{
		{"", `1: want one document with tasks in it`},
		{"tasks: {}", `1: want one document with tasks in it`},
		{"tasks:\n  a: {command: [sh]}\n---\ntasks: {}", `1: want one document with tasks in it`},
		{"tasks:\n  a: [", `2: `},
		{"tasks:\n  a:\n    comand: [sh]", `3: unknown field "comand"`},
		{"task:\n  a: {}", `1: unknown field "task"`},
		{"tasks:\n  a: {command: [sh]}\n  a: {command: [sh]}", `3: mapping key "a" already defined at [2:3]`},
		{"tasks:\n  a: {concurrency: lots}", `2: cannot unmarshal string into `},
		{"tasks:\n  a:\n", `2: a: command: it is missing; an entry needs a command, or worker: {}`},
		{"tasks:\n  a/b: {worker: {}}", `2: a/b: a task type's name is 1 to 64 of A-Z a-z 0-9 . _ -`},
		{"tasks:\n  a:\n    worker: {}\n    folder: /tmp", `3: a: it has a worker, so nothing of a command can be set`},
		{"tasks:\n  a:\n    worker: {lease: soon}", `3: a: worker: "soon" is not a duration such as 15s or 5m`},
		{"tasks:\n  a:\n    worker: {attempts: -1}", `3: a: worker: attempts must not be negative`},
		{"tasks:\n  a:\n    description: x\n    keep: -1h", `4: a: keep: "-1h" is not a duration such as 15s or 5m`},
		{"tasks:\n  a:\n    description: x\n    time_limit: 5", `4: a: time_limit: "5" is not a duration such as 15s or 5m`},
		{"tasks:\n  a:\n    worker: {}\n    audience: all", `4: a: audience: want everyone, owner, or an object with subjects, roles or request_ids`},
		{"tasks:\n  a:\n    worker: {}\n    audience: [ann]", `4: a: audience: invalid audience: want `},
		{"tasks:\n  a:\n    worker: {}\n    audience: {}", `4: a: audience: invalid audience: it names nobody`},
		{"tasks:\n  a:\n    worker: {}\n    audience: {users: [ann]}", `4: a: audience: invalid audience: want `},
		{"tasks:\n  a:\n    worker: {}\n    audience: {roles: [\"\"]}", `4: a: audience: invalid audience: a name is empty`},
		{"tasks:\n  a:\n    worker: {}\n    audience: {request_ids: [\"a:b\"]}", `4: a: audience: invalid audience: invalid request_id: character 2 is not`},
		{"tasks:\n  a:\n    worker: {}\n    scope: a b", `4: a: scope: "a b" is not a scope: `},
		{"tasks:\n  a:\n    worker: {}\n    scope: \"\"", `4: a: scope: "" is not a scope: `},
		{"tasks:\n  a:\n    concurrency: -1", `3: a: concurrency: it must not be negative`},
		{"tasks:\n  a:\n    params: {n: {type: int}}", `3: a: params: "n": "int" is no type; there are array, boolean, integer, null, number, object, string`},
		{"tasks:\n  a:\n    params: {n: {items: {type: [string, x]}}}", `3: a: params: "n": "x" is no type`},
		{"tasks:\n  a:\n    params: {n: {properties: {m: {minimun: 3}}}}", `3: a: params: "n": "minimun" is no keyword of JSON Schema`},
		{"tasks:\n  a:\n    params: {n: {minimun: 3}}", `3: a: params: "n": "minimun" is no keyword of JSON Schema`},
		{"tasks:\n  a:\n    params: {n: string}", `3: a: params: "n": it is not a JSON Schema, such as {type: string}: there is a string in the wrong place`},
		{"tasks:\n  a:\n    params: {n: {default: 3, type: string}}", `3: a: params: "n": `},
		{"tasks:\n  a:\n    required: [n]", `3: a: required: "n" is not one of the params`},
		{"tasks:\n  a:\n    command: [no-such-program]", `3: a: command: there is no program "no-such-program"`},
		{"tasks:\n  a:\n    command: [./sh]", `3: a: command: "./sh" is neither a program's name nor an absolute path`},
		{"tasks:\n  a:\n    command: [\"${x}\"]", `3: a: command: it begins with the program: a fixed text`},
		{"tasks:\n  a:\n    command: [sh, \"${x}\"]", `3: a: command: ${x} is not one of the params`},
		{"tasks:\n  a:\n    command: [sh, \"${x\"]", `3: a: command: ${ without a }; write $${ for the text ${`},
		{"tasks:\n  a:\n    command: [sh, true]", `3: a: command: put the argument true into quotes`},
		{"tasks:\n  a:\n    command: [sh, [-c, [x]]]", `3: a: command: put the argument [x] into quotes`},
		{"tasks:\n  a:\n    command: [sh]\n    folder: tmp", `4: a: folder: "tmp" is not an absolute path`},
		{"tasks:\n  a:\n    command: [sh]\n    env: {A-B: x}", `4: a: env: "A-B" is not the name of a variable`},
		{"tasks:\n  a:\n    command: [sh]\n    env: {A: \"${x}\"}", `4: a: env: A: ${x} is not one of the params`},
		{"tasks:\n  a:\n    command: [sh]\n    inherit: [A=B]", `4: a: inherit: "A=B" is not the name of a variable`},
		{"tasks:\n  a:\n    command: [sh]\n    kill_after: 1m", `4: a: kill_after: 1m0s must be less than TASK_CANCEL_GRACE, which is 1m0s`},
		{"tasks:\n  a:\n    command: [sh]\n    progress: bar", `4: a: progress: "bar" is none of ["text" "json" "none"]`},
		{"tasks:\n  a:\n    command: [sh]\n    pattern: x", `4: a: pattern: it has no group; the first one is the percentage, or (?P<name>…) names one`},
		{"tasks:\n  a:\n    command: [sh]\n    pattern: (", `4: a: pattern: error parsing regexp: `},
		{"tasks:\n  a:\n    command: [sh]\n    pattern: (?P<x>x)", `4: a: pattern: group "x" is none of ["done" "percent" "text" "total"]`},
		{"tasks:\n  a:\n    command: [sh]\n    pattern: (x)\n    progress: json", `5: a: progress: a pattern is set, too; only one of them can be`},
		{"tasks:\n  a:\n    command: [sh]\n    unit: files", `4: a: unit: only a pattern has a unit`},
	} {
		_, err := parse(c.file)
		if err == nil || !strings.HasPrefix(err.Error(), "tasks.yaml:"+c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q gives\n%v, want\ntasks.yaml:%s", c.file, err, c.want)
		}
	}
}

func TestErrorsOfAllEntriesAreReported(t *testing.T) {
	_, err := parse("tasks:\n  a: {progress: json}\n  b: {worker: {}}\n  c: {folder: x, command: [sh]}")
	want := "tasks.yaml:2: a: command: it is missing; an entry needs a command, or worker: {}\n" +
		`tasks.yaml:4: c: folder: "x" is not an absolute path`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v, want\n%s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("tasks:\n  a: {command: [sh, [-c, \"${x}\"]], params: {x: {type: string}}, pattern: (x)}")
	f.Add("tasks: {a: {worker: {lease: 3s}}}")
	f.Fuzz(func(t *testing.T, file string) {
		types, err := parse(file)
		for _, typ := range types {
			if err == nil && !json.Valid(typ.ParamsSchema) {
				t.Errorf("the schema of %q is %s", typ.Name, typ.ParamsSchema)
			}
		}
	})
}
