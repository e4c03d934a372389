package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Audience is whom a task or an event is for: the subjects, the holders of the roles and
// the streams of the request_ids that it names (rule A11). It must not be changed once it
// was made. A nil Audience is everyone.
type Audience struct {
	Subjects   []string `json:"subjects,omitempty"`
	Roles      []string `json:"roles,omitempty"`
	RequestIDs []string `json:"request_ids,omitempty"`
}

// Limits of what a caller may name, so that an event's audience is small beside the
// event.
const (
	MaxAudienceNames = 100 // in all
	MaxNameLength    = 256 // bytes of a subject or a role
)

// ErrInvalidAudience says that a text is no audience. Its text is fit for the caller.
var ErrInvalidAudience = errors.New("invalid audience")

// ParseAudience reads JSON: "everyone", or an object with at least one name in
// "subjects", "roles" and "request_ids". Errors: ErrInvalidAudience.
func ParseAudience(text json.RawMessage) (*Audience, error) {
	var word string
	if json.Unmarshal(text, &word) == nil && word == "everyone" {
		return nil, nil //nolint:nilnil // nil is everyone
	}
	var a *Audience
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil || a == nil {
		return nil, fmt.Errorf(`%w: want "everyone" or an object with "subjects", "roles" or "request_ids", each a list of texts`, ErrInvalidAudience)
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Audience) check() error {
	switch n := a.names(); {
	case n == 0:
		return fmt.Errorf("%w: it names nobody", ErrInvalidAudience)
	case n > MaxAudienceNames:
		return fmt.Errorf("%w: it has %d names, at most %d are allowed", ErrInvalidAudience, n, MaxAudienceNames)
	}
	for _, name := range slices.Concat(a.Subjects, a.Roles, a.RequestIDs) {
		if err := CheckName(name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidAudience, err)
		}
	}
	return nil
}

func (a *Audience) names() int { return len(a.Subjects) + len(a.Roles) + len(a.RequestIDs) }

// CheckName says what is wrong with the name of a subject or a role.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a name is empty")
	case len(name) > MaxNameLength:
		return fmt.Errorf("a name has %d bytes, at most %d are allowed", len(name), MaxNameLength)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("a name has control characters, or is not UTF-8")
	}
	return nil
}

// With returns a and the subject; everyone stays everyone.
func (a *Audience) With(subject string) *Audience {
	if a == nil || slices.Contains(a.Subjects, subject) {
		return a
	}
	return &Audience{
		Subjects: append(slices.Clone(a.Subjects), subject), Roles: a.Roles, RequestIDs: a.RequestIDs,
	}
}

// Viewer is what a stream or a caller may see. Its zero value sees what is for everyone.
type Viewer struct {
	Subject string // "" is none
	Roles   []string
	// RequestID is that of a stream; "" for a caller without one.
	RequestID string
	// All sees everything (rule A12: holders of admin).
	All bool
	// Single does not see what is for everyone: it is the viewer of one task.
	Single bool
}

// Equal reports whether both may see the same, whatever the order of their roles.
func (v Viewer) Equal(other Viewer) bool {
	return v.Subject == other.Subject && v.RequestID == other.RequestID && v.All == other.All && v.Single == other.Single &&
		slices.Equal(slices.Compact(slices.Sorted(slices.Values(v.Roles))), slices.Compact(slices.Sorted(slices.Values(other.Roles))))
}

// Includes reports whether v is in the audience. It costs the number of names.
func (a *Audience) Includes(v Viewer) bool {
	switch {
	case v.All:
		return true
	case a == nil:
		return !v.Single
	}
	return v.Subject != "" && slices.Contains(a.Subjects, v.Subject) ||
		v.RequestID != "" && slices.Contains(a.RequestIDs, v.RequestID) ||
		slices.ContainsFunc(v.Roles, func(role string) bool { return slices.Contains(a.Roles, role) })
}

// Key names one of the groups that audiences are made of: what an index of tasks, events
// or streams is kept by.
type Key struct {
	Kind KeyKind
	Name string
}

// KeyKind is the kind of a Key.
type KeyKind uint8

// The kinds.
const (
	KeyOfAll       KeyKind = iota // viewers that see everything; without a name
	KeyOfEveryone                 // what is for everyone; without a name
	KeyOfSubject                  // a subject
	KeyOfRole                     // the holders of a role
	KeyOfRequestID                // the stream of a request_id
)

// Keys returns the keys of the audience, of which a viewer in it has at least one. Those
// of everyone are KeyOfEveryone only. Viewers that see everything have KeyOfAll, which is in
// all of them.
func (a *Audience) Keys() []Key {
	if a == nil {
		return []Key{{Kind: KeyOfAll}, {Kind: KeyOfEveryone}}
	}
	keys := make([]Key, 1, 1+a.names())
	keys[0] = Key{Kind: KeyOfAll}
	return appendKeys(keys, a.Subjects, a.Roles, a.RequestIDs)
}

// Keys returns the keys that v has.
func (v Viewer) Keys() []Key {
	if v.All {
		return []Key{{Kind: KeyOfAll}}
	}
	keys := make([]Key, 0, 3+len(v.Roles)) //nolint:mnd // one for each kind
	if !v.Single {
		keys = append(keys, Key{Kind: KeyOfEveryone})
	}
	return appendKeys(keys, one(v.Subject), v.Roles, one(v.RequestID))
}

func one(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

func appendKeys(keys []Key, subjects, roles, requestIDs []string) []Key {
	for _, name := range subjects {
		keys = append(keys, Key{KeyOfSubject, name})
	}
	for _, name := range roles {
		keys = append(keys, Key{KeyOfRole, name})
	}
	for _, name := range requestIDs {
		keys = append(keys, Key{KeyOfRequestID, name})
	}
	return keys
}
