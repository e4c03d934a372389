package natsregistry_test

import (
	"encoding/json"
	"testing"

	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/connection"
)

// The stored forms: records of each of them are in the field.
const (
	golden0 = `{"token":"<t>","node":"node-1"}`
	escaped = `{"format":1,"token":"\u003ct\u003e","node":"node-1"}`
	golden1 = `{"format":1,"token":"<t>","node":"node-1"}`
)

var stored = connection.Connection{RequestID: "a", Token: "<t>", Node: "node-1"}

func TestStoredForms(t *testing.T) {
	if text, err := natsregistry.Encode(stored, nil); err != nil || string(text) != golden1 {
		t.Errorf("written is %s, %v; want %s", text, err, golden1)
	}
	for _, text := range []string{golden0, escaped, golden1, `{"format":1,"token":"<t>","node":"node-1","added":"later"}`} {
		if c, _, err := natsregistry.Decode("a", []byte(text)); err != nil || c != stored {
			t.Errorf("%s is read as %+v, %v", text, c, err)
		}
	}
	if c, _, err := natsregistry.Decode("a", []byte(`{"format":2,"token":"<t>","node":"node-1"}`)); err == nil {
		t.Errorf("a record of a later format is read as %+v", c)
	}
	var first struct{ Token, Node string } // what versions read that wrote golden0
	if err := json.Unmarshal([]byte(golden1), &first); err != nil || first.Token != "<t>" || first.Node != "node-1" {
		t.Errorf("an earlier version reads %+v, %v", first, err)
	}
}
