package connection_test

import (
	"testing"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

func of(subject string, ends time.Time) connection.Connection {
	return connection.Connection{RequestID: "a", Principal: &access.Principal{Subject: subject, Expires: ends}}
}

func TestARequestIDIsTheSubjectsWhoseStreamHoldsIt(t *testing.T) { // A15
	t.Parallel()
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	never, later := time.Time{}, now.Add(1)
	nobody := connection.Connection{RequestID: "a"}
	for _, c := range []struct {
		name       string
		new, there connection.Connection
		want       bool
	}{
		{"nothing there", of("ann", never), connection.Connection{}, true},
		{"nobody's", of("ann", never), nobody, true},
		{"by nobody", nobody, of("ann", never), true},
		{"the own", of("ann", never), of("ann", never), true},
		{"another's", of("ann", never), of("bob", never), false},
		{"another's that ends later", of("ann", never), of("bob", later), false},
		{"another's that has just ended", of("ann", never), of("bob", now), true},
		{"another's that has ended", of("ann", never), of("bob", now.Add(-1)), true},
	} {
		if got := c.new.MayReplace(c.there, now); got != c.want {
			t.Errorf("%s: may be replaced: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestAStreamSeesWhatItsPrincipalAndItsRequestIDDo(t *testing.T) { // A12
	t.Parallel()
	ann := of("ann", time.Time{})
	if v := ann.Viewer(); !v.Equal(access.Viewer{Subject: "ann", RequestID: "a"}) || ann.Subject() != "ann" {
		t.Errorf("%q sees what %+v does", ann.Subject(), v)
	}
	nobody := connection.Connection{RequestID: "a"}
	if v := nobody.Viewer(); !v.Equal(access.Viewer{RequestID: "a"}) || nobody.Subject() != "" {
		t.Errorf("%q sees what %+v does", nobody.Subject(), v)
	}
}

func TestAStreamIsTheSameWhateverItsCredential(t *testing.T) { // A17
	t.Parallel()
	c := connection.Connection{RequestID: "a", Token: "t", Node: "n"}
	renewed := of("ann", time.Time{})
	renewed.Token, renewed.Node = "t", "n"
	if !c.Same(renewed) {
		t.Error("a new principal makes it another stream")
	}
	for _, other := range []connection.Connection{
		{RequestID: "b", Token: "t", Node: "n"}, {RequestID: "a", Token: "u", Node: "n"}, {RequestID: "a", Token: "t", Node: "m"},
	} {
		if c.Same(other) {
			t.Errorf("%+v is the same", other)
		}
	}
}
