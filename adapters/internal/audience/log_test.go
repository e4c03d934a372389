package audience_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
)

var everything = []access.Key{{Kind: access.KeyOfAll}}

// page returns the sequences of one page.
func page(l *audience.Log[uint64], keys []access.Key, after, last uint64, bytes int) (seqs []uint64, more bool) {
	entries, more := l.Page(keys, after, last, bytes)
	for _, e := range entries {
		seqs = append(seqs, e.Seq)
	}
	return seqs, more
}

// read returns all that follows a sequence, in small pages.
func read(t *testing.T, l *audience.Log[uint64], keys []access.Key, after uint64) (all []uint64) {
	t.Helper()
	for {
		seqs, more := page(l, keys, after, math.MaxUint64, 1)
		all = append(all, seqs...)
		if !more {
			return all
		}
		if len(seqs) == 0 {
			t.Fatal("an empty page, and more to come")
		}
		after = seqs[len(seqs)-1]
	}
}

func TestEventsOfAllKeysAreMergedInOrderAndOnce(t *testing.T) { // A13
	t.Parallel()
	l := audience.NewLog[uint64](0, 1<<20)
	anna, ops := subject("anna"), role("ops")
	for i, keys := range [][]access.Key{
		{anna}, {ops}, {anna, ops}, {subject("bert")}, {ops, anna, ops}, {access.Key{Kind: access.KeyOfRole, Name: "anna"}}, {anna},
	} {
		l.Append(uint64(10*i+10), keys, 100, 0)
	}
	if diff := cmp.Diff([]uint64{20, 30, 50, 70}, read(t, l, []access.Key{ops, anna, anna}, 10)); diff != "" {
		t.Errorf("after 10 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{10, 20, 30, 40, 50, 60, 70}, read(t, l, everything, 0)); diff != "" {
		t.Errorf("for those that see everything (-want +got):\n%s", diff)
	}
	if got, more := page(l, []access.Key{anna}, 10, 50, math.MaxInt); !slices.Equal(got, []uint64{30, 50}) || more {
		t.Errorf("up to 50: %v, %v", got, more)
	}
	if n := l.Count([]access.Key{anna, ops}, 20); n != 3 {
		t.Errorf("%d events follow, want 3", n)
	}
	if got := read(t, l, nil, 0); got != nil {
		t.Errorf("without a key: %v", got)
	}
}

func TestOnlyTheLossOfOwnEventsIsALoss(t *testing.T) { // A13
	t.Parallel()
	l := audience.NewLog[uint64](5, 64<<10)
	for seq := uint64(6); l.Dropped(everything) < 1000; seq++ {
		keys := []access.Key{subject(fmt.Sprint(seq % 10))}
		if seq == 100 {
			keys = append(keys, role("once"))
		}
		l.Append(seq, keys, 200, 0)
	}
	dropped := l.Dropped(everything)
	for s := range uint64(10) {
		want := dropped - (dropped+10-s)%10
		if got := l.Dropped([]access.Key{subject(fmt.Sprint(s))}); got != want {
			t.Errorf("subject %d: dropped up to %d, want %d", s, got, want)
		}
	}
	if got := l.Dropped([]access.Key{role("once")}); got != 100 {
		t.Errorf("what had one event: dropped up to %d, want 100", got)
	}
	if got := l.Dropped([]access.Key{subject("nobody")}); got != 5 {
		t.Errorf("what never had an event: dropped up to %d, want the start, 5", got)
	}
}

func TestForgottenKeysShareOneNumber(t *testing.T) { // A13, G4
	t.Parallel()
	const limit = 1 << 20
	l := audience.NewLog[uint64](0, limit)
	for seq := range uint64(50_000) {
		l.Append(seq+1, []access.Key{subject(fmt.Sprint(seq + 1))}, 50, 0)
		if held := l.Held(); held > limit {
			t.Fatalf("%d bytes are held, limit %d", held, limit)
		}
	}
	dropped, first := l.Dropped(everything), l.Dropped([]access.Key{subject("1")})
	if first <= 1 || first >= dropped {
		t.Errorf("a forgotten key was dropped up to %d, of %d in all", first, dropped)
	}
	if got := l.Dropped([]access.Key{subject(fmt.Sprint(dropped))}); got != dropped {
		t.Errorf("a remembered key was dropped up to %d, want %d", got, dropped)
	}
	l.Append(50_001, []access.Key{subject("1")}, 50, 0)
	if got := l.Dropped([]access.Key{subject("1")}); got < first {
		t.Errorf("a key that was forgotten and has an event again was dropped up to %d, before up to %d", got, first)
	}
}

func TestEventThatIsLargerThanTheLogIsDroppedAtOnce(t *testing.T) { // G4
	t.Parallel()
	l := audience.NewLog[uint64](0, 4<<10)
	anna := []access.Key{subject("anna")}
	l.Append(1, anna, 100, 0)
	l.Append(2, anna, 8<<10, 0)
	if got := read(t, l, anna, 0); got != nil || l.Dropped(anna) != 2 {
		t.Errorf("it has %v, dropped up to %d", got, l.Dropped(anna))
	}
	l.Append(3, anna, 100, 0)
	if got := read(t, l, anna, 2); !slices.Equal(got, []uint64{3}) {
		t.Errorf("after it: %v", got)
	}
}

// naive is a Log that is searched through.
type naive struct {
	entries []naiveEntry
	kept    int // the first entry that is kept
}

type naiveEntry struct {
	seq  uint64
	keys []access.Key
}

func (n *naive) after(keys []access.Key, after uint64) (seqs []uint64) {
	for _, e := range n.entries[n.kept:] {
		if e.seq > after && share(e.keys, keys) {
			seqs = append(seqs, e.seq)
		}
	}
	return seqs
}

func (n *naive) dropped(keys []access.Key) (seq uint64) {
	for _, e := range n.entries[:n.kept] {
		if share(e.keys, keys) {
			seq = e.seq
		}
	}
	return seq
}

// holdAgainst does what data says with a Log and with a naive one, and compares them.
func holdAgainst(t *testing.T, rnd *rand.Rand, limit, steps int) {
	l, model := audience.NewLog[uint64](0, limit), &naive{}
	seq := uint64(0)
	for range steps {
		seq += 1 + uint64(rnd.IntN(3))
		keys := append(someKeys(rnd, 4), everything...)
		l.Append(seq, keys, rnd.IntN(400), seq)
		model.entries = append(model.entries, naiveEntry{seq, keys})
		for dropped := l.Dropped(everything); model.kept < len(model.entries) && model.entries[model.kept].seq <= dropped; {
			model.kept++
		}
		if l.Held() > max(limit, 0) && l.Count(everything, 0) > 0 {
			t.Fatalf("%d bytes are held, limit %d", l.Held(), limit)
		}
		wanted, after := append(someKeys(rnd, 3), everything[:rnd.IntN(8)/7]...), uint64(rnd.IntN(int(seq)+1))
		want := model.after(wanted, after)
		if diff := cmp.Diff(want, read(t, l, wanted, after)); diff != "" {
			t.Fatalf("after %d, %v (-want +got):\n%s", after, wanted, diff)
		}
		if l.Count(wanted, after) != len(want) {
			t.Fatalf("counted %d, want %d", l.Count(wanted, after), len(want))
		}
		// It may know less than the model, never deny a loss, and invent one only of keys that
		// it has forgotten.
		if got, least := l.Dropped(wanted), model.dropped(wanted); got < least || limit >= 1<<16 && got != least {
			t.Fatalf("%v: dropped up to %d, want %d", wanted, got, least)
		}
	}
}

func TestLogDoesWhatANaiveOneDoes(t *testing.T) { // A13, G2
	t.Parallel()
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		holdAgainst(t, rnd, []int{1 << 10, 8 << 10, 1 << 16, 1 << 17}[seed%4], 1500)
	}
}

func FuzzLog(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint16(4000))
	f.Fuzz(func(t *testing.T, a, b uint64, limit uint16) {
		holdAgainst(t, rand.New(rand.NewPCG(a, b)), int(limit), 300)
	})
}

// BenchmarkAppend is an event for one of ten thousand subjects, in a log that is full.
func BenchmarkAppend(b *testing.B) {
	l := audience.NewLog[uint64](0, 8<<20)
	keys := make([][]access.Key, 10_000)
	for i := range keys {
		keys[i] = []access.Key{everything[0], subject(strings.Repeat("x", 20) + string(binary.BigEndian.AppendUint32(nil, uint32(i))))}
	}
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		l.Append(seq, keys[seq%10_000], 250, seq)
	}
}

// BenchmarkPage is what a stream with five keys gets that comes back to a log of
// 20,000 events for 1,000 subjects.
func BenchmarkPage(b *testing.B) {
	l := audience.NewLog[uint64](0, 64<<20)
	for seq := range uint64(20_000) {
		l.Append(seq+1, []access.Key{subject(fmt.Sprint(seq % 1000))}, 250, seq)
	}
	keys := []access.Key{role("a"), role("b"), role("c"), subject("7"), {Kind: access.KeyOfRequestID, Name: "r"}}
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := l.Page(keys, 10_000, math.MaxUint64, math.MaxInt); len(got) != 10 {
			b.Fatalf("%d events", len(got))
		}
	}
}
