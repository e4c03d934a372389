package connection_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"heliograph/domain/connection"
)

// rule is C2 to the letter.
var rule = regexp.MustCompile(`\A[A-Za-z0-9._~-]{1,128}\z`)

func TestRequestIDHasItsAlphabetAndLength(t *testing.T) { // C1, C2
	t.Parallel()
	for _, s := range []string{
		"abc123", "0198c9e2-7e58-7c62-a0b1-0f6f4ce0d7a1", "a.b_c~d-E", "x", strings.Repeat("x", 128),
		"", "task:abc123", "a b", "a\nb", `a"b`, "ä", "a\x00", strings.Repeat("x", 129), strings.Repeat("x", 10_000),
	} {
		check(t, s)
	}
}

func FuzzParseRequestID(f *testing.F) {
	f.Add("abc123")
	f.Add("task:abc")
	f.Fuzz(check)
}

func check(t *testing.T, s string) {
	id, err := connection.ParseRequestID(s)
	if rule.MatchString(s) {
		if err != nil || string(id) != s {
			t.Errorf("%.40q: %q, %v", s, id, err)
		}
		return
	}
	if !errors.Is(err, connection.ErrInvalidRequestID) || id != "" {
		t.Errorf("%.40q: %q, %v; want ErrInvalidRequestID", s, id, err)
	}
	if len(err.Error()) > 200 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%.40q: the error repeats the input: %.300q", s, err)
	}
}
