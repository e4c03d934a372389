package bootstrap

import (
	"log/slog"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// ByteSize is a number of bytes, written like 64KiB, 1.5MB or 4096.
type ByteSize int

// ParseByteSize reads what String wrote, and more (go-humanize's notation).
func ParseByteSize(s string) (ByteSize, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt {
		return 0, strconv.ErrRange
	}
	return ByteSize(n), nil
}

// String returns the size exactly, in the largest unit that divides it.
func (b ByteSize) String() string {
	for _, unit := range []struct {
		size ByteSize
		name string
	}{{humanize.GiByte, "GiB"}, {humanize.MiByte, "MiB"}, {humanize.KiByte, "KiB"}} {
		if b != 0 && b%unit.size == 0 {
			return strconv.Itoa(int(b/unit.size)) + unit.name
		}
	}
	return strconv.Itoa(int(b)) + "B"
}

const redacted = "[redacted]"

// Secret is a text that no log, table or encoder ever shows. Convert it to
// string where it is used. Its zero value is no secret.
type Secret string

// String returns "[redacted]", or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// URL is a URL as it was written. It may hold a password, a token in the place of
// a user (which is how NATS takes one), or a secret in its query or fragment; they
// are shown nowhere. Convert it to string where it is used.
type URL string

// String returns the URL without its secrets: a user is shown only if there is a
// password beside it, which is masked.
func (u URL) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Host == "" && strings.Contains(string(u), "@") {
		return redacted // it may hold a secret all the same
	}
	if _, password := parsed.User.Password(); parsed.User != nil && !password {
		parsed.User = url.User("xxxxx") // as Redacted masks a password
	}
	if parsed.RawQuery != "" {
		parsed.RawQuery = redacted
	}
	if parsed.Fragment != "" {
		parsed.Fragment, parsed.RawFragment = "xxxxx", ""
	}
	return parsed.Redacted()
}

// GoString is String, for %#v.
func (u URL) GoString() string { return u.String() }

// LogValue is String, for slog.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String, for encoders.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// URLs is one URL or several, with commas between them, and shown like URL.
type URLs string

// Each returns them one by one.
func (u URLs) Each() []URL {
	var all []URL
	for text := range strings.SplitSeq(string(u), ",") {
		all = append(all, URL(strings.TrimSpace(text)))
	}
	return all
}

// String returns the URLs without their secrets.
func (u URLs) String() string {
	var shown []string
	for _, one := range u.Each() {
		shown = append(shown, one.String())
	}
	return strings.Join(shown, ",")
}

// GoString is String, for %#v.
func (u URLs) GoString() string { return u.String() }

// LogValue is String, for slog.
func (u URLs) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String, for encoders.
func (u URLs) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// List is texts with commas between them.
type List string

// Each returns them one by one, without the blanks around them.
func (l List) Each() []string {
	var all []string
	for text := range strings.SplitSeq(string(l), ",") {
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, text)
		}
	}
	return all
}
