package task

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Labels are names and values by which those who start tasks find them again (rule
// T16). Nil has none. They never change, and must not be changed in place.
type Labels map[string]string

// Label is one of Labels.
type Label struct{ Key, Value string }

// The bounds of Labels, which are rule T16's.
const (
	MaxLabels     = 16
	MaxLabelKey   = 63  // characters of labelKeyChars
	MaxLabelValue = 256 // characters, not bytes
)

const labelKeyChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-"

// Check returns what is wrong with l; nil for nothing. Errors: ErrInvalidLabels, with a
// text that is fit for the caller.
func (l Labels) Check() error {
	if len(l) > MaxLabels {
		return fmt.Errorf("%w: there are %d, at most %d are allowed", ErrInvalidLabels, len(l), MaxLabels)
	}
	for _, key := range slices.Sorted(maps.Keys(l)) { // so that the same ones get the same text
		if err := (Label{key, l[key]}).Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check is Labels.Check for one of them.
func (l Label) Check() error {
	const shown = MaxLabelKey + 1
	if l.Key == "" || len(l.Key) > MaxLabelKey || strings.ContainsFunc(l.Key, notOfKey) {
		return fmt.Errorf("%w: the key %.*q must be 1 to %d characters of A-Z, a-z, 0-9, '.', '_', '/' and '-'", ErrInvalidLabels, shown, l.Key, MaxLabelKey)
	}
	if n := utf8.RuneCountInString(l.Value); n > MaxLabelValue {
		return fmt.Errorf("%w: the value of %q has %d characters, at most %d are allowed", ErrInvalidLabels, l.Key, n, MaxLabelValue)
	}
	if !utf8.ValidString(l.Value) || strings.ContainsFunc(l.Value, unicode.IsControl) {
		return fmt.Errorf("%w: the value of %q must be UTF-8 without control characters", ErrInvalidLabels, l.Key)
	}
	return nil
}

func notOfKey(r rune) bool { return !strings.ContainsRune(labelKeyChars, r) }

// Have reports whether l has all of these.
func (l Labels) Have(all []Label) bool {
	for _, want := range all {
		if value, ok := l[want.Key]; !ok || value != want.Value {
			return false
		}
	}
	return true
}

// Size is the number of bytes of the keys and values.
func (l Labels) Size() (bytes int) {
	for key, value := range l {
		bytes += len(key) + len(value)
	}
	return bytes
}

// OrEmpty returns l, or what is {} in JSON for nil.
func (l Labels) OrEmpty() Labels {
	if l == nil {
		return Labels{}
	}
	return l
}
