package natsregistry_test

import (
	"testing"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/connection"
)

// During a rolling update nodes of two versions change the same records.
func TestARecordSurvivesARollingUpdateInBothDirections(t *testing.T) { // C8
	adopt := func(t *testing.T, r *natsregistry.Registry, c connection.Connection) {
		t.Helper()
		if adopted, err := r.Adopt(t.Context(), c); err != nil || adopted.Node != "node-1" {
			t.Errorf("adopted is %+v, %v", adopted, err)
		}
	}
	putAgain := func(t *testing.T, r *natsregistry.Registry, c connection.Connection) {
		t.Helper()
		c.Node = "node-1"
		put(t, r, c)
	}
	replace := func(t *testing.T, r *natsregistry.Registry, c connection.Connection) {
		t.Helper()
		put(t, r, connection.Connection{RequestID: c.RequestID, Token: "next", Node: "node-1"})
	}
	for name, c := range map[string]struct {
		stored string
		change func(*testing.T, *natsregistry.Registry, connection.Connection)
		want   string
	}{
		"the first version's is adopted": {`{"token":"t","node":"gone"}`, adopt, `{"format":1,"token":"t","node":"node-1"}`},
		"a later version's is adopted": {
			`{"format":1,"token":"t","added":{"to":["<a>"]},"node":"gone"}`, adopt,
			`{"format":1,"token":"t","node":"node-1","added":{"to":["<a>"]}}`,
		},
		"a later version's connection is put again": {
			`{"format":1,"token":"t","node":"gone","added":1}`, putAgain, `{"format":1,"token":"t","node":"node-1","added":1}`,
		},
		"a later version's principal is adopted": {
			`{"format":2,"token":"t","node":"gone","principal":{"format":1,"subject":"<a>","added":1}}`, adopt,
			`{"format":2,"token":"t","node":"node-1","principal":{"format":1,"subject":"<a>","added":1}}`,
		},
		"another connection has nothing of the one that it replaces": {
			`{"format":1,"token":"t","node":"gone","added":1}`, replace, `{"format":1,"token":"next","node":"node-1"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			r := open(t, broker, "node-1")
			kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_connections")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kv.PutString(t.Context(), "id.a", c.stored); err != nil {
				t.Fatal(err)
			}
			c.change(t, r, connection.Connection{RequestID: "a", Token: "t", Node: "gone"})
			if entry, err := kv.Get(t.Context(), "id.a"); err != nil || string(entry.Value()) != c.want {
				t.Errorf("the record is %s, %v; want %s", entry.Value(), err, c.want)
			}
		})
	}
}
