package commandtasks_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/task"
	"heliograph/test/logs"
	"heliograph/test/mocks"
)

func TestLinesThatAreNotProgressAreTheTasksOutput(t *testing.T) { // T21
	const script = `printf 'one\n{"value":0.5,"text":"half"}\ntwo: \303\274\r\n10%%\r20%%\rthree\n\n'; echo error >&2; printf '{"result":1}\nlast'`
	for entry, want := range map[string]string{
		`{command: [sh, -c, ` + quoted(script) + `], progress: json, output: true}`: "one\ntwo: ü\nthree\n\n",
		`{command: [sh, -c, ` + quoted(script) + `], progress: json}`:               "",
	} {
		report := mocks.NewMockTaskReporter(gomock.NewController(t))
		report.EXPECT().Update(gomock.Any()).AnyTimes()
		var out logs.Logs
		result, err := handler(t, entry).Run(task.WithOutput(context.WithoutCancel(t.Context()), &out), nil, report)
		if err != nil || string(result) != "1" {
			t.Errorf("%s: %s, %v", entry, result, err)
		}
		got := out.String()
		if want == "" && got != "" {
			t.Errorf("unasked the output is %q", got)
		}
		if want != "" && sorted(got) != sorted(want+"error\nlast\n") { // the two streams may come in any order
			t.Errorf("the output is %q, want %q", got, want)
		}
	}
}

func TestAWorkerHasNoOutputOfACommand(t *testing.T) {
	if _, err := parse("tasks:\n  a: {worker: {}, output: true}\n"); err == nil {
		t.Error("it is taken")
	}
}

// quoted writes a text for YAML.
func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// sorted has the lines of a text in order.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
