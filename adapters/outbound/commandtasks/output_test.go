package commandtasks_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/commandtasks"
)

// FuzzOutput holds what every program may print to what every reader must keep:
// where a pipe cuts it changes nothing, texts are clean, and messages are short.
func FuzzOutput(f *testing.F) {
	f.Add("one\r\ntwo\r\x1b[31mthree\x1b[0m\xff\n", 4)
	f.Add(`{"text":"x","value":0.5}`+"\n"+`{"result":[1]}`, 10)
	f.Add("12%\r1,000 of 2,000 at 00:01:02.5\n", 3)
	f.Add("\n\r\r\n", 1)
	f.Fuzz(func(t *testing.T, printed string, cut int) {
		cut = min(max(cut, 0), len(printed))
		for _, how := range []string{
			`progress: text`, `progress: json`, `progress: none`, `pattern: (\d+)%`,
			`pattern: '(?P<done>[\d:.,]+) of (?P<total>[\d:.,]+)|(?P<text>.+)'`,
		} {
			h := handler(t, "command: [\"true\"]\n"+how)
			whole, parts := newReports(), newReports()
			result, failure := commandtasks.Printed(h, whole, printed)
			result2, failure2 := commandtasks.Printed(h, parts, printed[:cut], printed[cut:])
			if diff := cmp.Diff(whole.all(), parts.all()); diff != "" {
				t.Errorf("%s: cut at %d it is read differently:\n%s", how, cut, diff)
			}
			if string(result) != string(result2) || fmt.Sprint(failure) != fmt.Sprint(failure2) {
				t.Errorf("%s: %s, %v is %s, %v when cut at %d", how, result, failure, result2, failure2, cut)
			}
			if result != nil && !json.Valid(result) || len(failure.Error()) > 3000 || !clean(failure.Error()) {
				t.Errorf("%s: %s, %q", how, result, failure)
			}
		}
	})
}

func clean(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' {
			return false
		}
	}
	return utf8.ValidString(s)
}
