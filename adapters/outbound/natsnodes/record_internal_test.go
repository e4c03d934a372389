package natsnodes

import (
	"encoding/json"
	"testing"
	"time"
)

// The stored forms: nodes of each of them may be in one cluster.
const (
	golden0 = `{"life":"one/x","joined":"2026-03-01T12:00:00Z"}`
	golden1 = `{"format":1,"life":"one/x","joined":"2026-03-01T12:00:00Z"}`
	build   = `{"format":1,"life":"one/x","joined":"2026-03-01T12:00:00Z","version":"1.2","revision":"c0ffee"}`
)

func TestStoredForms(t *testing.T) {
	want := record{Format: recordFormat, Life: "one/x", Joined: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if text, err := json.Marshal(want); err != nil || string(text) != golden1 {
		t.Errorf("written is %s, %v; want %s", text, err, golden1)
	}
	for _, text := range []string{golden0, golden1, `{"format":1,"life":"one/x","joined":"2026-03-01T12:00:00Z","added":"later"}`} {
		got, err := decode("one", []byte(text))
		if got.Format = recordFormat; err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
	if got, err := decode("one", []byte(`{"format":2,"life":"one/x"}`)); err == nil {
		t.Errorf("a record of a later format is read as %+v", got)
	}
	var first struct { // what versions read that wrote golden0
		Life   string
		Joined time.Time
	}
	if err := json.Unmarshal([]byte(golden1), &first); err != nil || first.Life != "one/x" || !first.Joined.Equal(want.Joined) {
		t.Errorf("an earlier version reads %+v, %v", first, err)
	}
}

func TestTheBuildIsInTheRecord(t *testing.T) { // W7
	want := record{Format: recordFormat, Life: "one/x", Joined: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Version: "1.2", BuiltFrom: "c0ffee"}
	if text, err := json.Marshal(want); err != nil || string(text) != build {
		t.Errorf("written is %s, %v; want %s", text, err, build)
	}
	if got, err := decode("one", []byte(build)); err != nil || got != want {
		t.Errorf("read is %+v, %v", got, err)
	}
}
