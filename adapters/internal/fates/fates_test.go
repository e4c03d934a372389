package fates_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/fates"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
)

func TestWhatIsTheSameIsOneEntry(t *testing.T) { // W6
	t.Parallel()
	var l fates.Log
	var words fates.Words
	at := fates.StampOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for i := range uint64(1000) {
		l.Add(fates.Entry{Kind: diagnosis.Written, Count: 1, Seq: 41 + i, At: at + fates.Stamp(i)})
	}
	l.Add(fates.Entry{Kind: diagnosis.Written, Name: words.Of("version"), Count: 1, Seq: 1040, At: at + 1000})
	l.Add(fates.Entry{Kind: diagnosis.Dropped, Why: words.Of("too slow"), Count: 7, At: at + 1001})
	id := func(seq uint64) event.ID { return event.ID{Epoch: "e", Seq: seq} }
	want := []diagnosis.Fate{
		{At: (at + 999).Time(), Kind: diagnosis.Written, Count: 1000, First: id(41), Last: id(1040)},
		{At: (at + 1000).Time(), Kind: diagnosis.Written, Type: "version", Count: 1},
		{At: (at + 1001).Time(), Kind: diagnosis.Dropped, Count: 7, Why: "too slow"},
	}
	if diff := cmp.Diff(want, fates.Fates(l.All(), &words, "e")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l.LastSeq() != 1040 {
		t.Errorf("the last sequence is %d", l.LastSeq())
	}
}

// A Log says what a list of all entries says, of which it has the newest.
func TestTheNewestEntriesAreKept(t *testing.T) { // W6
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	kinds := []diagnosis.Kind{diagnosis.Written, diagnosis.Replayed, diagnosis.Dropped, diagnosis.Ended}
	for round := range 200 {
		var l fates.Log
		var all []fates.Entry
		at, seq := fates.Stamp(1000), uint64(random.Uint32())
		for i := range 300 {
			e := fates.Entry{Kind: kinds[random.IntN(4)], Name: fates.Word(random.IntN(300)), Count: random.IntN(3), At: at}
			at += fates.Stamp(random.IntN(1 + round*10))
			if random.IntN(2) == 0 {
				seq += 1 + random.Uint64N(1000)
				e.First, e.Seq = seq, seq
			}
			l.Add(e)
			if n := len(all) - 1; i > 0 && same(all[n], e) {
				all[n].Count, all[n].Seq, all[n].At = all[n].Count+e.Count, e.Seq, e.At
			} else {
				all = append(all, e)
			}
		}
		got := l.All()
		if len(got) < 15 || len(got) > 100 {
			t.Fatalf("round %d: %d entries", round, len(got))
		}
		if diff := cmp.Diff(all[len(all)-len(got):], got); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

func same(a, b fates.Entry) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Why == b.Why && b.Count > 0 && (a.Seq == 0) == (b.Seq == 0)
}

func TestALogTakesLessThan300Bytes(t *testing.T) { // W6
	var l fates.Log
	for i := range 1000 {
		l.Add(fates.Entry{Kind: diagnosis.Written, Name: fates.Word(1 + i%2), Count: 1, Seq: uint64(i), At: fates.Stamp(i)})
	}
	if size := unsafe.Sizeof(l) + 192; size > 300 {
		t.Errorf("it takes %d bytes", size)
	}
	if n := len(l.All()); n < 38 {
		t.Errorf("it has %d entries", n)
	}
	if n := testing.AllocsPerRun(1000, func() { l.Add(fates.Entry{Kind: diagnosis.Ended}) }); n > 0 {
		t.Errorf("a full one allocates %v times", n)
	}
}

func TestThoseThatEndedLastAreRemembered(t *testing.T) { // W6
	t.Parallel()
	var e fates.Ended
	for i := range 3000 {
		e.Add(connection.Token(fmt.Sprint(i)), &fates.Log{Mark: uint64(i)})
	}
	for _, i := range []int{2999, 1976} {
		if l := e.Of(connection.Token(fmt.Sprint(i))); l == nil || l.Mark != uint64(i) {
			t.Errorf("%d is not known", i)
		}
	}
	if e.Of("1975") != nil {
		t.Error("an old one is known")
	}
}

func TestWordsAreBounded(t *testing.T) {
	t.Parallel()
	var w fates.Words
	for i := range 2000 {
		text := fmt.Sprint("name ", i)
		word := w.Of(text)
		if i < 1024 && (w.Text(word) != text || w.Of(text) != word) || i >= 1024 && word != 0 {
			t.Fatalf("%q is %d, %q", text, word, w.Text(word))
		}
	}
	if w.Of("") != 0 || w.Text(0) != "" {
		t.Error("no text has a word")
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, words := range map[string]int{"the same": 1, "alternating": 2} {
		b.Run(name, func(b *testing.B) {
			var l fates.Log
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Add(fates.Entry{Kind: diagnosis.Written, Name: fates.Word(1 + i%words), Count: 1, Seq: uint64(i), At: fates.Stamp(i)})
			}
		})
	}
}
