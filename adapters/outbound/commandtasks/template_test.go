package commandtasks_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"heliograph/domain/task"
)

func TestParamCannotBecomeAnOption(t *testing.T) {
	const params = "\nparams: {text: {type: string}, prefix: {type: string}, number: {type: number}, whole: {type: integer}, least: {type: integer, minimum: -9}," +
		" above: {type: number, exclusiveMinimum: -9}, listed: {enum: [-1, 1]}}"
	for _, c := range []struct {
		command, params string
		allowed         bool
	}{
		{`[echo, "${text}"]`, `{"text":"-e"}`, false},
		{`[echo, "${text}"]`, `{"text":"--"}`, false},
		{`[echo, ["${text}", x]]`, `{"text":"-"}`, false},
		{`[echo, "${prefix}${text}"]`, `{"prefix":"","text":"-e"}`, false},
		{`[echo, "${text}", --]`, `{"text":"-e"}`, false},
		{`[echo, "${text}"]`, `{"text":""}`, true},
		{`[echo, "${text}"]`, `{"text":"a-b"}`, true},
		{`[echo, "${number}"]`, `{"number":-5}`, false},
		{`[echo, "${whole}"]`, `{"whole":-5}`, false},
		{`[echo, "${prefix}${whole}"]`, `{"prefix":"","whole":-5.0}`, false},
		{`[echo, "${whole}"]`, `{"whole":5}`, true},
		{`[echo, "${least}"]`, `{"least":-5}`, true},
		{`[echo, "${above}"]`, `{"above":-0.5}`, true},
		{`[echo, "${listed}"]`, `{"listed":-1}`, true},
		{`[echo, "--n=${whole}"]`, `{"whole":-5}`, true},
		{`[echo, --, "${whole}"]`, `{"whole":-5}`, true},
		{`[echo, "--x=${text}"]`, `{"text":"-e"}`, true},
		{`[echo, --, "${text}"]`, `{"text":"-e"}`, true},
		{`[echo, [--, "${text}"]]`, `{"text":"-e"}`, true},
		{`[echo, "${prefix}${text}"]`, `{"prefix":"a","text":"-e"}`, true},
	} {
		err := handler(t, "command: "+c.command+params).Check(raw(c.params))
		if c.allowed != (err == nil) || (err != nil && !errors.Is(err, task.ErrInvalidParams)) {
			t.Errorf("%s with %s: %v", c.command, c.params, err)
		}
	}
}

func TestNULInAParamIsRefused(t *testing.T) {
	h := handler(t, `command: [echo, "${text}"]`+"\nparams: {text: {type: string}}")
	if err := h.Check(raw(`{"text":"a\u0000b"}`)); !errors.Is(err, task.ErrInvalidParams) || !strings.Contains(err.Error(), `"text" holds a NUL`) {
		t.Errorf("Check = %v", err)
	}
}

// Whatever a template and a param are, the program gets one argument that ends
// with the param.
func FuzzTemplate(f *testing.F) {
	printf, err := exec.LookPath("printf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("--level=", "3")
	f.Add("$${", "a b")
	f.Add("", "'; rm -rf $HOME")
	f.Fuzz(func(t *testing.T, before, text string) {
		if !plain(before) || !plain(text) || strings.HasSuffix(before, "$") {
			t.Skip("it would have to be quoted")
		}
		types, err := parse(`tasks: {it: {command: ["` + printf + `", "<%s>", "` + before + `${text}"], params: {text: {type: string}}}}`)
		if err != nil {
			t.Skip("it is no template")
		}
		r := newReports()
		_, err = types[0].Handler.Run(t.Context(), raw(`{"text":"`+text+`"}`), r)
		if errors.Is(err, task.ErrInvalidParams) {
			return
		}
		got := strings.TrimSpace(<-r.texts)
		if err != nil || strings.Count(got, "<") != 1 || !strings.HasSuffix(got, text+">") {
			t.Errorf("%q and %q give %q, %v", before, text, got, err)
		}
	})
}

// plain reports whether s is itself between double quotes in YAML and JSON, and
// is not mistaken for the marks of the test.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>`, r) })
}
