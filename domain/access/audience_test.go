package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
)

func TestAudiencesAreReadAndWrittenTheSame(t *testing.T) { // A11
	t.Parallel()
	for text, want := range map[string]*access.Audience{
		`"everyone"`:                       nil,
		`{"subjects":["a"]}`:               {Subjects: []string{"a"}},
		`{"roles":["a","b"]}`:              {Roles: []string{"a", "b"}},
		`{"request_ids":["a"]}`:            {RequestIDs: []string{"a"}},
		`{"subjects":["a"],"roles":[]}`:    {Subjects: []string{"a"}, Roles: []string{}},
		namesText(access.MaxAudienceNames): {Roles: slices.Repeat([]string{"r"}, access.MaxAudienceNames)},
		`{"subjects":["` + strings.Repeat("x", access.MaxNameLength) + `"]}`: {Subjects: []string{strings.Repeat("x", access.MaxNameLength)}},
	} {
		got, err := access.ParseAudience(json.RawMessage(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%.60s: %v (-want +got):\n%s", text, err, diff)
		}
		if got == nil {
			continue
		}
		written, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := access.ParseAudience(written); err != nil || !slices.Equal(got.Keys(), again.Keys()) {
			t.Errorf("%.60s is written as %.60s, which is read as %v, %v", text, written, again, err)
		}
	}
}

// namesText is an audience of n roles.
func namesText(n int) string {
	return `{"roles":[` + strings.TrimSuffix(strings.Repeat(`"r",`, n), ",") + `]}`
}

func TestWhatIsNoAudienceIsRefused(t *testing.T) { // A11
	t.Parallel()
	for _, text := range []string{
		``, `null`, `"nobody"`, `""`, `1`, `[]`, `{}`, `{"subjects":[]}`, `{"subjects":null}`, `{"subjects":"a"}`, `{"subjects":[1]}`, `{"users":["a"]}`,
		`{"subjects":[""]}`, `{"roles":["a",""]}`, `{"request_ids":["a\u0000"]}`, `{"roles":["a\n"]}`, namesText(access.MaxAudienceNames + 1),
		`{"subjects":["` + strings.Repeat("x", access.MaxNameLength+1) + `"]}`,
	} {
		if a, err := access.ParseAudience(json.RawMessage(text)); !errors.Is(err, access.ErrInvalidAudience) || a != nil {
			t.Errorf("%.60s: %v, %v; want ErrInvalidAudience", text, a, err)
		}
	}
	if err := access.CheckName("a\xff"); err == nil {
		t.Error("a name that is not UTF-8 is taken")
	}
}

func TestASubjectIsAddedOnceAndToACopy(t *testing.T) { // A11
	t.Parallel()
	var everyone *access.Audience
	if got := everyone.With("ann"); got != nil {
		t.Errorf("everyone and ann are %v", got)
	}
	before := &access.Audience{Subjects: make([]string, 1, 2), Roles: []string{"r"}, RequestIDs: []string{"i"}}
	before.Subjects[0] = "bob"
	after := before.With("ann")
	want := &access.Audience{Subjects: []string{"bob", "ann"}, Roles: []string{"r"}, RequestIDs: []string{"i"}}
	if diff := cmp.Diff(want, after); diff != "" || after.With("bob") != after {
		t.Errorf("with ann (-want +got):\n%s", diff)
	}
	if before.With("carl"); after.Subjects[1] != "ann" {
		t.Errorf("two copies share their subjects: %v", after.Subjects)
	}
}

// The names that occur in the tests of visibility: each as a subject, role and request_id,
// which must not be taken for one another.
var names = []string{"", "x", "y"}

// audiences returns some audiences, everyone among them.
func audiences() []*access.Audience {
	all := []*access.Audience{nil}
	list := func(name string) []string {
		return slices.DeleteFunc([]string{name}, func(n string) bool { return n == "" })
	}
	for _, subject := range names {
		for _, role := range names {
			for _, id := range names {
				all = append(all, &access.Audience{Subjects: list(subject), Roles: list(role), RequestIDs: list(id)})
			}
		}
	}
	return append(all, &access.Audience{Subjects: []string{"x", "y"}, Roles: []string{"x", "y"}})
}

func viewers() (all []access.Viewer) {
	for _, subject := range names {
		for _, id := range names {
			for _, roles := range [][]string{nil, {"x"}, {"y", "z"}, {"x", "y"}} {
				for flags := range 4 {
					all = append(all, access.Viewer{Subject: subject, RequestID: id, Roles: roles, All: flags&1 != 0, Single: flags&2 != 0})
				}
			}
		}
	}
	return all
}

func TestAViewerIsInWhatNamesItAndInWhatIsForEveryone(t *testing.T) { // A12
	t.Parallel()
	for _, a := range audiences() {
		for _, v := range viewers() {
			want := v.All
			if a == nil {
				want = want || !v.Single
			} else {
				for _, name := range names[1:] {
					want = want || name == v.Subject && slices.Contains(a.Subjects, name) || name == v.RequestID && slices.Contains(a.RequestIDs, name) ||
						slices.Contains(v.Roles, name) && slices.Contains(a.Roles, name)
				}
			}
			if got := a.Includes(v); got != want {
				t.Errorf("%+v includes %+v: %t, want %t", a, v, got, want)
			}
			shared := slices.ContainsFunc(v.Keys(), func(k access.Key) bool { return slices.Contains(a.Keys(), k) })
			if shared != want {
				t.Errorf("%+v and %+v share a key: %t, want %t", a.Keys(), v.Keys(), shared, want)
			}
		}
	}
}

func TestViewersAreEqualWhateverTheOrderOfTheirRoles(t *testing.T) { // A17
	t.Parallel()
	v := access.Viewer{Subject: "ann", RequestID: "a", Roles: []string{"x", "y"}}
	for change, other := range map[string]access.Viewer{
		"":                {Subject: "ann", RequestID: "a", Roles: []string{"y", "x", "y"}},
		"another subject": {Subject: "bob", RequestID: "a", Roles: v.Roles},
		"another stream":  {Subject: "ann", RequestID: "b", Roles: v.Roles},
		"fewer roles":     {Subject: "ann", RequestID: "a", Roles: v.Roles[:1]},
		"another role":    {Subject: "ann", RequestID: "a", Roles: []string{"x", "z"}},
		"sees everything": {Subject: "ann", RequestID: "a", Roles: v.Roles, All: true},
		"sees one task":   {Subject: "ann", RequestID: "a", Roles: v.Roles, Single: true},
	} {
		if v.Equal(other) != (change == "") || other.Equal(v) != (change == "") {
			t.Errorf("%q: equal are %+v and %+v", change, v, other)
		}
	}
	if fmt.Sprint(v.Roles) != "[x y]" {
		t.Errorf("the roles have become %v", v.Roles)
	}
}
