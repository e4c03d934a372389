// Package outputcontract is the contract of output.Store, as tests.
package outputcontract

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

// Subject is an empty store.
type Subject struct {
	output.Store

	// Other is the same store as another node has it; the same one where there are none.
	Other output.Store
	// Tail is how much of the end of each output is kept, in bytes: output.MinTail, so that
	// the tests need not write much. Total is what all take together at most: ten outputs
	// as large as they may be, or somewhat more; 0 is more than a test can write.
	Tail, Total int64
}

// Run tests the stores that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"an output that nobody wrote is empty", empty},
		{"T21 what was appended is read, from any offset and on any node", appended},
		{"T21 the same call again changes nothing", again},
		{"T21 a wrong offset is refused with the right one and changes nothing", wrongOffset},
		{"T21 of calls at the same offset, on any node, one appends", race},
		{"T21 of a long output the first 64 KiB and the tail are kept", window},
		{"T21 letter by letter is kept like anything else", letters},
		{"T21 a reader gets what was written, or less where it is gone, and whole characters", model},
		{"T21 an output is removed with all that it has", deleted},
		{"T21 all outputs together are bounded, and keep their lengths", total},
		{"T22 readers are told of what any node appends, until they stop", watched},
		{"an ended context ends a call", ended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func empty(t *testing.T, s Subject) {
	s.wantLength(t, "a", 0)
	if c, err := s.Read(t.Context(), "a", 0, 100); err != nil || len(c.Text) > 0 || c.Length != 0 || c.Offset != 0 || c.Closed {
		t.Errorf("Read: %+v, %v", c, err)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	s.wantIDs(t)
}

func appended(t *testing.T, s Subject) {
	const text = "one\ntwo\nthree: ü€😀\n"
	s.write(t, "a", "one\n", "two\n", "three: ü€😀\n")
	s.write(t, "b.c *>", "another task's")
	for _, node := range []output.Store{s.Store, s.Other} {
		for from := range text {
			if got := read(t, node, "a", int64(from)); got != text[from:] {
				t.Errorf("from %d there is %q, want %q", from, got, text[from:])
			}
		}
		if got := read(t, node, "b.c *>", 0); got != "another task's" {
			t.Errorf("the other's is %q", got)
		}
	}
	s.wantLength(t, "a", len(text))
	s.wantIDs(t, "a", "b.c *>")
	_, err := s.Read(t.Context(), "a", int64(len(text))+1, 100)
	wantOffset(t, err, len(text))
}

func again(t *testing.T, s Subject) {
	s.write(t, "a", "one", "two", "three")
	for text, offset := range map[string]int64{"one": 0, "two": 3, "three": 6, "onetwo": 0, "wothr": 4} {
		for _, node := range []output.Store{s.Store, s.Other} {
			if length, err := node.Append(t.Context(), "a", offset, []byte(text)); err != nil || length != 11 {
				t.Errorf("%q at %d again: %d, %v; want 11", text, offset, length, err)
			}
		}
	}
	if got := read(t, s, "a", 0); got != "onetwothree" {
		t.Errorf("it is %q", got)
	}
}

func wrongOffset(t *testing.T, s Subject) {
	s.write(t, "a", "onetwo")
	for text, offset := range map[string]int64{"one": 3, "two": 7, "twothree": 3, "twx": 3, "x": 0, "y": -1, "": 1} {
		for _, node := range []output.Store{s.Store, s.Other} {
			_, err := node.Append(t.Context(), "a", offset, []byte(text))
			wantOffset(t, err, 6)
		}
	}
	if got := read(t, s, "a", 0); got != "onetwo" {
		t.Errorf("it is %q", got)
	}
	_, err := s.Append(t.Context(), "b", 1, []byte("x"))
	wantOffset(t, err, 0)
	if length, err := s.Append(t.Context(), "a", 6, nil); err != nil || length != 6 {
		t.Errorf("nothing at the end: %d, %v", length, err)
	}
}

func race(t *testing.T, s Subject) {
	const rounds, writers = 20, 4
	var want strings.Builder
	for round := range rounds {
		offset := int64(want.Len())
		won := make(chan string, writers)
		var calls sync.WaitGroup
		for n := range writers {
			calls.Go(func() {
				node := []output.Store{s.Store, s.Other}[n%2]
				text := strings.Repeat("abcd"[n:n+1], round%3+1)
				length, err := node.Append(t.Context(), "a", offset, []byte(text))
				switch {
				case err == nil && length == offset+int64(len(text)):
					won <- text
				case !errors.Is(err, output.ErrWrongOffset):
					t.Errorf("Append: %d, %v", length, err)
				}
			})
		}
		calls.Wait()
		if len(won) != 1 {
			t.Fatalf("%d calls have appended", len(won))
		}
		want.WriteString(<-won)
	}
	if got := read(t, s, "a", 0); got != want.String() {
		t.Errorf("it is %q, want %q", got, want.String())
	}
}

func window(t *testing.T, s Subject) {
	text := line(int(output.HeadBytes + 3*s.Tail + 1234))
	for i := 0; i < len(text); i += 10_000 {
		s.write(t, "a", text[i:min(i+10_000, len(text))])
	}
	s.wantLength(t, "a", len(text))
	tail := int64(len(text)) - s.Tail
	if got := pieces(t, s, "a", 0, 50_000); len(got) < 2 || got[0].Offset != 0 || end(got, func(p output.Piece) bool { return p.Offset < tail }) != output.HeadBytes {
		t.Errorf("the head ends at %d", end(got, func(p output.Piece) bool { return p.Offset < tail }))
	}
	for _, from := range []int64{0, output.HeadBytes - 1, output.HeadBytes, output.HeadBytes + 1, tail - 1, tail, tail + 1, int64(len(text)) - 1, int64(len(text))} {
		for _, p := range pieces(t, s, "a", from, 50_000) {
			if string(p.Text) != text[p.Offset:p.End()] {
				t.Errorf("at %d there is something else", p.Offset)
			}
		}
		first, err := s.Other.Read(t.Context(), "a", from, 1000)
		want := from
		if from >= output.HeadBytes && from < tail {
			want = tail
		}
		if err != nil || first.Offset != want || first.Length != int64(len(text)) {
			t.Errorf("from %d the next is at %d of %d, %v; want %d", from, first.Offset, first.Length, err, want)
		}
	}
	if length, err := s.Append(t.Context(), "a", int64(len(text))-10, []byte(text[len(text)-10:])); err != nil || length != int64(len(text)) {
		t.Errorf("the last call again: %d, %v", length, err)
	}
	_, err := s.Append(t.Context(), "a", output.HeadBytes+10, []byte("gone"))
	wantOffset(t, err, len(text))
}

func letters(t *testing.T, s Subject) {
	text := line(3000)
	for i := range text {
		s.write(t, "a", text[i:i+1])
		if i%500 == 7 {
			s.write(t, "b", line(1000))
		}
	}
	if got := read(t, s.Other, "a", 0); got != text {
		t.Errorf("it has %d bytes, or others", len(got))
	}
	if got := read(t, s, "a", 2998); got != text[2998:] {
		t.Errorf("its end is %q", got)
	}
}

func deleted(t *testing.T, s Subject) {
	s.write(t, "a", "one", "two")
	s.write(t, "b", line(60_000), line(60_000))
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	s.wantLength(t, "a", 0)
	s.wantIDs(t, "b")
	if got := read(t, s, "a", 0); got != "" {
		t.Errorf("there is %q", got)
	}
	s.write(t, "a", "new")
	if got := read(t, s, "a", 0); got != "new" {
		t.Errorf("then there is %q", got)
	}
	if err := s.Other.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	s.wantIDs(t, "a")
}

func total(t *testing.T, s Subject) {
	if s.Total == 0 {
		t.Skip("the bound is the service's own, which is more than a test should write")
	}
	const outputs = 25
	ids := make([]task.ID, 0, outputs)
	for n := range outputs {
		id := task.ID("task-" + string(rune('a'+n)))
		ids = append(ids, id)
		s.write(t, id, line(output.MaxAppend), line(output.MaxAppend)[:output.MaxAppend-1])
	}
	kept, held := int64(2*output.MaxAppend-1), int64(0)
	for n, id := range ids {
		s.wantLength(t, id, int(kept))
		held += int64(len(read(t, s, id, 0)))
		if n == 0 && read(t, s, id, 0) != "" {
			t.Error("the oldest was kept")
		}
	}
	if held > s.Total || held < s.Total/4 {
		t.Errorf("%d bytes are kept, and %d may be", held, s.Total)
	}
	if got := read(t, s, ids[outputs-1], 0); int64(len(got)) != kept {
		t.Errorf("of the newest %d bytes are kept", len(got))
	}
	if c, err := s.Read(t.Context(), ids[0], 5, 100); err != nil || len(c.Text) > 0 || c.Offset != kept {
		t.Errorf("a reader of what is gone gets %+v, %v", c, err)
	}
	if length, err := s.Append(t.Context(), ids[0], kept, []byte("on")); err != nil || length != kept+2 {
		t.Errorf("it does not go on: %d, %v", length, err)
	}
	if c, err := s.Other.Read(t.Context(), ids[0], 5, 100); err != nil || string(c.Text) != "on" || c.Offset != kept {
		t.Errorf("then its reader gets %+v, %v", c, err)
	}
}

func watched(t *testing.T, s Subject) {
	grown := make(chan struct{}, 1)
	notify := func() {
		select {
		case grown <- struct{}{}:
		default:
		}
	}
	stop := s.Watch("a", notify)
	others := make(chan struct{}, 100)
	defer s.Watch("b", func() { others <- struct{}{} })()
	for n, node := range []output.Store{s.Store, s.Other, s.Store} {
		if _, err := node.Append(t.Context(), "a", int64(n), []byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-grown:
		case <-t.Context().Done():
			t.Fatal("a reader was not told")
		}
	}
	stop()
	s.write(t, "b", "y")
	<-others
	if _, err := s.Append(t.Context(), "a", 3, []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.write(t, "b", "z")
	<-others // what comes after: the other would have come before it
	if len(grown) > 0 || len(others) > 0 {
		t.Errorf("after stop, or for another task: %d and %d calls", len(grown), len(others))
	}
}

func (s Subject) write(t *testing.T, id task.ID, texts ...string) {
	t.Helper()
	offset, err := s.Length(t.Context(), id)
	for _, text := range texts {
		if err != nil {
			t.Fatal(err)
		}
		want := offset + int64(len(text))
		if offset, err = s.Append(t.Context(), id, offset, []byte(text)); err == nil && offset != want {
			t.Errorf("the length is %d, want %d", offset, want)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// read returns all text from an offset on, without saying where some is gone.
func read(t *testing.T, s output.Store, id task.ID, from int64) string {
	t.Helper()
	var b strings.Builder
	for _, p := range pieces(t, s, id, from, 60_000) {
		b.Write(p.Text)
	}
	return b.String()
}

func pieces(t *testing.T, s output.Store, id task.ID, from int64, limit int) (all []output.Piece) {
	t.Helper()
	for {
		c, err := s.Read(t.Context(), id, from, limit)
		if err != nil {
			t.Fatal(err)
		}
		if c.Offset < from || len(c.Text) > limit || c.End() > c.Length {
			t.Fatalf("from %d, at most %d: %d bytes at %d of %d", from, limit, len(c.Text), c.Offset, c.Length)
		}
		if len(c.Text) == 0 {
			if c.Offset != c.Length {
				t.Fatalf("from %d there is nothing at %d of %d", from, c.Offset, c.Length)
			}
			return all
		}
		all, from = append(all, c.Piece), c.End()
	}
}

// end returns where the last of the pieces that count ends.
func end(all []output.Piece, counts func(output.Piece) bool) (at int64) {
	for _, p := range all {
		if counts(p) {
			at = p.End()
		}
	}
	return at
}

// line is text of so many bytes, in which no two parts are alike.
func line(size int) string {
	var b strings.Builder
	for n := uint32(1); b.Len() < size; n = n*1664525 + 1013904223 {
		b.WriteByte('a' + byte(n>>24)%26)
	}
	return b.String()
}

func (s Subject) wantLength(t *testing.T, id task.ID, want int) {
	t.Helper()
	for _, node := range []output.Store{s.Store, s.Other} {
		if got, err := node.Length(t.Context(), id); err != nil || got != int64(want) {
			t.Errorf("the length of %s is %d, %v; want %d", id, got, err, want)
		}
	}
}

func (s Subject) wantIDs(t *testing.T, want ...task.ID) {
	t.Helper()
	got, err := s.IDs(t.Context())
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("tasks with output: %q, %v; want %q", got, err, want)
	}
}

func wantOffset(t *testing.T, err error, want int) {
	t.Helper()
	wrong, ok := errors.AsType[*output.OffsetError](err)
	if !ok || wrong.Length != int64(want) || !errors.Is(err, output.ErrWrongOffset) {
		t.Errorf("%v, want that the right offset is %d", err, want)
	}
}
