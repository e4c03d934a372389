package principaljson_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/principaljson"
	"heliograph/domain/access"
)

func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, 987_654_321, time.UTC)
	want := &access.Principal{
		Subject: "alice", Roles: []string{"a b", "ü"}, Scopes: access.AllScopes, OtherScopes: []string{"deploy"}, Expires: at, Issued: at.Add(-time.Hour),
		CredentialID: "1", TaskTypes: []string{"import"}, TaskID: "t",
	}
	for field, value := range reflect.ValueOf(*want).Fields() {
		if value.IsZero() {
			t.Errorf("%s is not set here", field.Name)
		}
	}
	for _, p := range []*access.Principal{want, {Subject: "bob"}} {
		text, err := principaljson.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := principaljson.Decode(text)
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestWhatIsNoPrincipalIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{}`, `null`, `{"format":1}`, `{"format":2,"subject":"a"}`, `{"subject":"a"}`, `[]`, `{"format":1,"subject":1}`} {
		if p, err := principaljson.Decode([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, p)
		}
	}
}
