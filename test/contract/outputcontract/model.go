package outputcontract

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"heliograph/domain/output"
)

// model appends random text in random calls, some of them again, and holds what readers
// get at random against what was written.
func model(t *testing.T, s Subject) {
	const calls = 300
	seed := uint64(21)
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same each time
	var written strings.Builder
	for range calls {
		text := randomText(random)
		offset := int64(written.Len())
		for range 1 + random.IntN(2) { // some answers are lost
			node := []output.Store{s.Store, s.Other}[random.IntN(2)]
			length, err := node.Append(t.Context(), "a", offset, []byte(text))
			if err != nil || length != offset+int64(len(text)) {
				t.Fatalf("Append at %d: %d, %v", offset, length, err)
			}
		}
		written.WriteString(text)
		for range 3 {
			checkRead(t, s, written.String(), random)
		}
	}
	if written.Len() < int(2*output.HeadBytes+2*s.Tail) {
		t.Errorf("only %d bytes were written", written.Len())
	}
}

// checkRead reads at random and says what is wrong: the text, where it begins, or that it is
// longer than allowed or empty.
func checkRead(t *testing.T, s Subject, all string, random *rand.Rand) {
	t.Helper()
	length := int64(len(all))
	from, limit := random.Int64N(length+1), 1+random.IntN(20_000)
	node := []output.Store{s.Store, s.Other}[random.IntN(2)]
	c, err := node.Read(t.Context(), "a", from, limit)
	if err != nil || c.Length != length {
		t.Fatalf("Read at %d: length %d, %v; want %d", from, c.Length, err, length)
	}
	want := output.WindowOf(length, s.Tail).Next(from)
	for want < length && !utf8.RuneStart(all[want]) {
		want++
	}
	if want < output.HeadBytes && want+utf8.UTFMax > output.HeadBytes && length-s.Tail > output.HeadBytes && c.Offset != want {
		want = output.WindowOf(length, s.Tail).TailStart // a character that the head's end divides
		for !utf8.RuneStart(all[want]) {
			want++
		}
	}
	if c.Offset != want {
		t.Fatalf("of %d bytes, from %d on, the next is at %d, want %d", length, from, c.Offset, want)
	}
	if c.End() > length || string(c.Text) != all[c.Offset:c.End()] || !utf8.Valid(c.Text) || len(c.Text) > max(limit, utf8.UTFMax) || len(c.Text) == 0 && want < length {
		t.Fatalf("from %d on, at most %d: %d bytes at %d that are not those", from, limit, len(c.Text), c.Offset)
	}
}

// randomText has one to some thousand characters of one to four bytes.
func randomText(random *rand.Rand) string {
	var b strings.Builder
	characters := []rune("ab\nü€😀")
	size := 1 + random.IntN([]int{3, 100, 3000}[random.IntN(3)])
	for range size {
		b.WriteRune(characters[random.IntN(len(characters))])
	}
	return b.String()
}

func ended(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, "a", 0, []byte("x")); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	if _, err := s.Read(ctx, "a", 0, 10); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
}
