package event

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ID is a place in the log: <epoch>-<sequence> on the wire (rule G2).
//
// An epoch is one life of the log. Within it, sequences count from 1;
// sequence 0 is the place before the first event. The zero ID is no place.
type ID struct {
	Epoch string
	Seq   uint64
}

// ErrInvalidID says that a text is not an event ID; as a Last-Event-ID it
// leads to stream_reset with reason "invalid" (rule G3).
var ErrInvalidID = errors.New("invalid event id")

// maxIDLength bounds what a client can make us keep or compare; our own IDs
// need at most 32 + 1 + 20 characters.
const maxIDLength = 64

// ParseID reads what String wrote. Errors: ErrInvalidID.
func ParseID(s string) (ID, error) {
	epoch, digits, found := strings.Cut(s, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !found || err != nil || len(s) > maxIDLength || !validEpoch(epoch) ||
		digits != strconv.FormatUint(seq, 10) {
		return ID{}, fmt.Errorf("%w: %.80q", ErrInvalidID, s)
	}
	return ID{Epoch: epoch, Seq: seq}, nil
}

func validEpoch(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// IsZero reports whether id is no place at all.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the wire form.
func (id ID) String() string { return string(id.AppendTo(nil)) }

// AppendTo appends the wire form to b, for encoders.
func (id ID) AppendTo(b []byte) []byte {
	b = append(b, id.Epoch...)
	b = append(b, '-')
	return strconv.AppendUint(b, id.Seq, 10)
}

// NewEpoch makes an epoch's name (lower-case letters and digits) of random
// bytes, of which ten make two lives of the log differ for certain.
func NewEpoch(random [10]byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:]))
}
