package viewers_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"heliograph/adapters/internal/viewers"
	"heliograph/domain/access"
)

// TestIndexFindsWhatAScanFinds compares with a look at every member.
func TestIndexFindsWhatAScanFinds(t *testing.T) { // A12
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	someKeys := func() (keys []access.Key) {
		for range random.IntN(4) {
			keys = append(keys, access.Key{Kind: access.KeyOfRole, Name: fmt.Sprint(random.IntN(6))})
		}
		return keys
	}
	var index viewers.Index[int]
	members := map[int][]access.Key{}
	for range 5_000 {
		m := random.IntN(60)
		if keys, known := members[m]; known {
			index.Remove(m, keys)
			delete(members, m)
		} else {
			members[m] = someKeys()
			index.Add(m, members[m])
			index.Add(m, members[m]) // a second time it changes nothing
		}
		keys := someKeys()
		var want []int
		for m, has := range members {
			if slices.ContainsFunc(has, func(k access.Key) bool { return slices.Contains(keys, k) }) {
				want = append(want, m)
			}
		}
		got := index.Find(keys)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%v: found %v, want %v", keys, got, want)
		}
	}
}

func TestIndexOfNothingFindsNothing(t *testing.T) {
	t.Parallel()
	var index viewers.Index[int]
	ann := (&access.Audience{Subjects: []string{"ann"}}).Keys()
	index.Remove(1, ann)
	if got := index.Find(ann); len(got) != 0 {
		t.Errorf("found %v, want nothing", got)
	}
}

func BenchmarkFindOneSubject(b *testing.B) { // of 10,000 streams, two are the subject's
	var index viewers.Index[int]
	keys := make([][]access.Key, 5_000)
	for i := range keys {
		keys[i] = (&access.Audience{Subjects: []string{fmt.Sprint("subject-", i)}}).Keys()[1:]
		index.Add(2*i, keys[i])
		index.Add(2*i+1, keys[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if len(index.Find(keys[i%len(keys)])) != 2 {
			b.Fatal("it was not found")
		}
	}
}
