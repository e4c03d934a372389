package natsregistry_test

import (
	"errors"
	"testing"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/domain/connection"
)

// A record that cannot be read is none: it stops no look through the
// others, or from connecting.
func TestARecordThatCannotBeReadIsLeftOut(t *testing.T) {
	for name, junk := range map[string]string{"no JSON": "{", "another program's": `{"x":1}`, "a field of another type": `{"token":1}`} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			r := open(t, broker, "node-1")
			kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_connections")
			if err != nil {
				t.Fatal(err)
			}
			serve(t, r)
			for _, key := range []string{"id.junk", "id.junk2", "id.a.b"} {
				if _, err := kv.PutString(t.Context(), key, junk); err != nil {
					t.Fatal(err)
				}
			}
			there := connection.Connection{RequestID: "there", Token: "there", Node: "gone"}
			put(t, open(t, broker, "gone"), there)
			if left, err := r.List(t.Context(), func(string) bool { return false }); err != nil || len(left) != 1 || left[0] != there {
				t.Errorf("left are %+v, %v; want %+v", left, err, there)
			}
			if c, err := r.ByRequestID(t.Context(), "junk"); !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("%+v, %v; want ErrNotFound", c, err)
			}
			c := connection.Connection{RequestID: "junk", Token: "junk", Node: "node-1"}
			if before := put(t, r, c); before != (connection.Connection{}) {
				t.Errorf("it replaced %+v", before)
			}
			if _, err := kv.PutString(t.Context(), "id.junk", junk); err != nil {
				t.Fatal(err)
			}
			if own, left := mismatches(t, r); len(own) != 1 || own[0] != c || len(left) != 0 {
				t.Errorf("mismatches are %+v and %+v, want %+v alone", own, left, c)
			}
		})
	}
}
