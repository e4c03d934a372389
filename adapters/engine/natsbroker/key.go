package natsbroker

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// Key makes of parts a name that is legal as a subject and as a key, with a dot
// between the parts. Different parts make different names. What is not a letter,
// a digit, _ or - is written as = and two hexadecimal digits; "" as = alone.
func Key(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if part == "" {
			b.WriteByte('=')
		}
		for j := range len(part) {
			writeKeyByte(&b, part[j])
		}
	}
	return b.String()
}

func writeKeyByte(b *strings.Builder, c byte) {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		b.WriteByte(c)
	default:
		b.WriteByte('=')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
}

// Digest stands for a text of any length in a Key: a text without a bound, or
// that should not be read there.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// errNotKey: Key makes no such name.
var errNotKey = errors.New("not one of our keys")

// Parts returns what Key was given.
func Parts(key string) ([]string, error) {
	parts := strings.Split(key, ".")
	for i, part := range parts {
		text, err := decodePart(part)
		if err != nil {
			return nil, err
		}
		parts[i] = text
	}
	if Key(parts...) != key {
		return nil, errNotKey
	}
	return parts, nil
}

func decodePart(part string) (string, error) {
	if part == "=" {
		return "", nil
	}
	return url.PathUnescape(strings.ReplaceAll(part, "=", "%"))
}
