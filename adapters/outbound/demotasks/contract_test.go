package demotasks_test

import (
	"encoding/json"
	"testing"

	"heliograph/adapters/outbound/demotasks"
	"heliograph/domain/task"
	"heliograph/test/contract/taskhandlercontract"
)

func TestHandlerContract(t *testing.T) {
	params := map[string]taskhandlercontract.Subject{
		"demo_task":         {Short: raw(`{"delay":0.001}`), Endless: raw(`{"delay":3600}`)},
		"failing_task":      {Short: raw(`{"delay":0.001}`), Endless: raw(`{"delay":3600}`)},
		"long_running_task": {Short: raw(`{"total_time":0.01,"check_interval":0.001}`), Endless: raw(`{"total_time":3600}`)},
	}
	for _, typ := range types(t) {
		t.Run(typ.Name, func(t *testing.T) {
			taskhandlercontract.Run(t, func(*testing.T) taskhandlercontract.Subject {
				s := params[typ.Name]
				s.Handler = typ.Handler
				s.Bad = []json.RawMessage{raw(`[]`), raw(`"x"`), raw(`1`), raw(`{`), raw(`{}{}`), raw(` `)}
				return s
			})
		})
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func types(t *testing.T) []task.Type {
	t.Helper()
	all, err := demotasks.Types()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// handler returns the handler of a type.
func handler(t *testing.T, name string) task.Handler {
	t.Helper()
	for _, typ := range types(t) {
		if typ.Name == name {
			return typ.Handler
		}
	}
	t.Fatalf("there is no type %q", name)
	return nil
}
