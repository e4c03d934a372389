package audience_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
)

func subject(name string) access.Key { return access.Key{Kind: access.KeyOfSubject, Name: name} }
func role(name string) access.Key    { return access.Key{Kind: access.KeyOfRole, Name: name} }

func found(x *audience.Index[int], keys ...access.Key) []int {
	return slices.Sorted(x.Find(keys))
}

func TestIndexFindsEachMemberOnce(t *testing.T) { // A12
	t.Parallel()
	var x audience.Index[int]
	x.Add(1, []access.Key{subject("anna"), role("ops"), role("ops")})
	x.Add(2, []access.Key{subject("bert"), role("ops")})
	x.Add(3, []access.Key{subject("ops")})
	for _, c := range []struct {
		keys []access.Key
		want []int
	}{
		{nil, nil},
		{[]access.Key{subject("anna")}, []int{1}},
		{[]access.Key{role("anna")}, nil}, // a role is no subject
		{[]access.Key{role("ops")}, []int{1, 2}},
		{[]access.Key{role("ops"), subject("anna"), subject("carl"), subject("ops")}, []int{1, 2, 3}},
	} {
		if diff := cmp.Diff(c.want, found(&x, c.keys...)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.keys, diff)
		}
	}
}

func TestIndexKeepsNothingOfMembersThatAreGone(t *testing.T) { // G4
	t.Parallel()
	var x audience.Index[int]
	var members []*audience.Member[int]
	for i := range 1000 {
		members = append(members, x.Add(i, []access.Key{subject(fmt.Sprint(i % 100)), role("all")}))
	}
	for i, m := range members {
		x.Remove(m)
		x.Remove(m)
		if got := found(&x, role("all")); len(got) != 999-i || slices.Contains(got, i) {
			t.Fatalf("after %d of 1000 went: %d found, want %d and not %[1]d", i, len(got), 999-i)
		}
	}
	if n := x.Keys(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// TestIndexFindsWhatComparingFinds holds the index against a list that is searched
// through.
func TestIndexFindsWhatComparingFinds(t *testing.T) { // A12
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var x audience.Index[int]
	model := map[int][]access.Key{}
	members := map[int]*audience.Member[int]{}
	for i := range 5000 {
		if victim := rnd.IntN(i + 1); rnd.IntN(2) == 0 && members[victim] != nil {
			x.Remove(members[victim])
			delete(members, victim)
			delete(model, victim)
		}
		keys := someKeys(rnd, 4)
		members[i], model[i] = x.Add(i, keys), keys
		wanted := someKeys(rnd, 3)
		var want []int
		for v, has := range model {
			if share(has, wanted) {
				want = append(want, v)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, found(&x, wanted...)); diff != "" {
			t.Fatalf("step %d, %v (-want +got):\n%s", i, wanted, diff)
		}
	}
}

// someKeys returns up to limit keys of few, so that they often meet.
func someKeys(rnd *rand.Rand, limit int) (keys []access.Key) {
	for range rnd.IntN(limit + 1) {
		keys = append(keys, access.Key{Kind: access.KeyOfSubject + access.KeyKind(rnd.IntN(3)), Name: fmt.Sprint(rnd.IntN(30))})
	}
	return keys
}

func share(a, b []access.Key) bool {
	return slices.ContainsFunc(a, func(k access.Key) bool { return slices.Contains(b, k) })
}

// BenchmarkFind is the search for the streams of one subject among ten thousand.
func BenchmarkFind(b *testing.B) {
	var x audience.Index[int]
	for i := range 10_000 {
		x.Add(i, []access.Key{subject(fmt.Sprint(i)), role("a"), role("b"), role("c"), {Kind: access.KeyOfRequestID, Name: fmt.Sprint("r", i)}})
	}
	keys := []access.Key{{Kind: access.KeyOfAll}, subject("4711")}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range x.Find(keys) {
			n++
		}
		if n != 1 {
			b.Fatalf("%d found", n)
		}
	}
}

// BenchmarkMember is a stream that comes and goes, beside ten thousand.
func BenchmarkMember(b *testing.B) {
	var x audience.Index[int]
	for i := range 10_000 {
		x.Add(i, []access.Key{subject(fmt.Sprint(i)), role("a"), role("b"), role("c")})
	}
	keys := []access.Key{subject("anna"), role("a"), role("b"), role("c")}
	b.ReportAllocs()
	for b.Loop() {
		x.Remove(x.Add(0, keys))
	}
}
