package natsregistry_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/natsregistry"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// The stored forms: records of each of them are in the field.
const (
	golden0 = `{"token":"<t>","node":"node-1"}`
	escaped = `{"format":1,"token":"\u003ct\u003e","node":"node-1"}`
	golden1 = `{"format":1,"token":"<t>","node":"node-1"}`
	golden2 = `{"format":2,"token":"<t>","node":"node-1","principal":{"format":1,"subject":"ann","roles":["<sales>"],"scopes":"stream",` +
		`"expires":"2026-03-01T12:00:00Z","credential_id":"jti"}}`
)

var (
	stored    = connection.Connection{RequestID: "a", Token: "<t>", Node: "node-1"}
	principal = &access.Principal{
		Subject: "ann", Roles: []string{"<sales>"}, Scopes: access.ScopesOf(access.Stream), CredentialID: "jti",
		Expires: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
)

func TestStoredForms(t *testing.T) {
	if text, err := natsregistry.Encode(stored, natsregistry.NothingUnknown); err != nil || string(text) != golden1 {
		t.Errorf("written is %s, %v; want %s", text, err, golden1)
	}
	for _, text := range []string{golden0, escaped, golden1, `{"format":1,"token":"<t>","node":"node-1","added":"later"}`} {
		if c, _, err := natsregistry.Decode("a", []byte(text)); err != nil || c != stored {
			t.Errorf("%s is read as %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{
		`{"format":3,"token":"<t>","node":"node-1"}`,
		`{"format":2,"token":"<t>","node":"node-1","principal":{}}`,
		`{"format":2,"token":"<t>","node":"node-1","principal":{"format":9,"subject":"ann"}}`,
	} {
		if c, _, err := natsregistry.Decode("a", []byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, c)
		}
	}
	var first struct{ Token, Node string } // what versions read that wrote golden0
	if err := json.Unmarshal([]byte(golden1), &first); err != nil || first.Token != "<t>" || first.Node != "node-1" {
		t.Errorf("an earlier version reads %+v, %v", first, err)
	}
}

func TestStoredFormOfAPrincipalsConnection(t *testing.T) { // A12, A15
	c := stored
	c.Principal = principal
	text, err := natsregistry.Encode(c, natsregistry.NothingUnknown)
	var written any
	if err != nil || json.Unmarshal(text, &written) != nil {
		t.Fatalf("written is %s, %v", text, err)
	}
	var want any
	_ = json.Unmarshal([]byte(golden2), &want)
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	got, _, err := natsregistry.Decode("a", []byte(golden2))
	if diff := cmp.Diff(c, got); err != nil || diff != "" {
		t.Errorf("read: %v (-want +got):\n%s", err, diff)
	}
	var first struct{ Format int } // a version that knows no principals reads formats up to 1
	if err := json.Unmarshal(text, &first); err != nil || first.Format < 2 {
		t.Errorf("an earlier version takes it for anybody's stream: %+v, %v", first, err)
	}
}
