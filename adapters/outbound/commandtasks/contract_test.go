package commandtasks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"heliograph/test/contract/taskhandlercontract"
)

func TestHandlerContract(t *testing.T) {
	for name, entry := range map[string]string{
		"a program":          `command: [sleep, "${seconds}"]`,
		"a stubborn program": `command: [sh, -c, 'trap "" TERM; sleep $0; sleep $0; sleep $0', "${seconds}"]` + "\nkill_after: 100ms",
		"a program that shows its task": `command: [sh, -c, 'printf "{\"result\":{\"id\":\"%s\",\"attempt\":%d,\"labels\":%s}}\n" "$HELIOGRAPH_TASK_ID" "$HELIOGRAPH_ATTEMPT" "$HELIOGRAPH_LABELS"; exec sleep $0', "${seconds}"]` +
			"\nprogress: json",
		"a program with JSON": "command: [sh, -c, 'echo \"{\\\"value\\\":0.5}\"; echo \"{\\\"result\\\":[1]}\"; exec sleep $0', \"${seconds}\"]\n" +
			"progress: json",
	} {
		t.Run(name, func(t *testing.T) {
			taskhandlercontract.Run(t, func(t *testing.T) taskhandlercontract.Subject {
				var shows json.RawMessage
				if strings.Contains(entry, "HELIOGRAPH") {
					shows = raw(`{"seconds":0}`)
				}
				return taskhandlercontract.Subject{
					Shows: shows, Handler: handler(t, entry+"\nparams: {seconds: {type: number, minimum: 0}}\nrequired: [seconds]"),
					Short: raw(`{"seconds":0}`), Endless: raw(`{"seconds":3600}`),
					Bad: []json.RawMessage{nil, raw(`[]`), raw(`{"seconds":-1}`), raw(`{"seconds":"1"}`), raw(`{"seconds":1,"other":1}`)},
				}
			})
		})
	}
}
