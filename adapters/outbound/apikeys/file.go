package apikeys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"heliograph/domain/access"
)

const (
	// hashPrefix begins the hash of a key in the file.
	hashPrefix = "sha256:"
	// maxKeys bounds a file.
	maxKeys = 10_000
)

// Entry is a key as its line in the file says it, without the key or its hash.
type Entry struct {
	Name   string
	Scopes access.Scopes
	// OtherScopes are scopes that types of tasks name.
	OtherScopes []string
	// TaskTypes are the only types of tasks that it may start or work on; empty is all.
	TaskTypes []string
	// Expires is when it ends; the zero time is never.
	Expires time.Time
	// Created is when it was made, in whole seconds.
	Created time.Time
}

// principal is whom the key proves.
func (e Entry) principal() *access.Principal {
	return &access.Principal{
		Subject: access.KeySubject + e.Name, Scopes: e.Scopes, OtherScopes: e.OtherScopes, TaskTypes: e.TaskTypes,
		Expires: e.Expires, Issued: e.Created, CredentialID: e.Name,
	}
}

func (e Entry) line(h hash) string {
	fields := []string{e.Name, hashPrefix + hex.EncodeToString(h[:])}
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, name+"="+value)
		}
	}
	add("scopes", strings.Join(append(strings.Fields(e.Scopes.String()), e.OtherScopes...), ","))
	add("types", strings.Join(e.TaskTypes, ","))
	add("created", formatTime(e.Created))
	add("expires", formatTime(e.Expires))
	return strings.Join(fields, " ")
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// key is one line of the file.
type key struct {
	Entry

	hash hash
}

// parseFile reads the file: a key on each line, except empty ones and those that begin
// with #. others are the scopes that types of tasks name.
func parseFile(text []byte, others []string) (keys []key, err error) {
	names, hashes := make(map[string]bool), make(map[hash]bool)
	n := 0
	for line := range bytes.Lines(text) {
		n++
		trimmed := strings.TrimSpace(string(line))
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		k, err := parseLine(trimmed)
		if err == nil {
			err = checkScopes(k.OtherScopes, others)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case names[k.Name]:
			return nil, fmt.Errorf("line %d: the name %q is there twice", n, k.Name)
		case hashes[k.hash]:
			return nil, fmt.Errorf("line %d: the key of %q is there twice", n, k.Name)
		case len(keys) == maxKeys:
			return nil, fmt.Errorf("line %d: there are more than %d keys", n, maxKeys)
		}
		names[k.Name], hashes[k.hash] = true, true
		keys = append(keys, k)
	}
	return keys, nil
}

// checkScopes finds what an operator has mistyped.
func checkScopes(given, known []string) error {
	for _, name := range given {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q is no scope, and no type of tasks names it", name)
		}
	}
	return nil
}

// validName is what a key can be called: it is in logs, metrics and URLs.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// parseLine reads one line. Its errors hold nothing of the line beyond names: somebody
// may have put the key itself there.
func parseLine(line string) (k key, err error) {
	fields := strings.Fields(line)
	if !validName.MatchString(fields[0]) || strings.HasPrefix(fields[0], Prefix) {
		return key{}, errors.New("the name must be 1 to 64 letters, digits, dots, dashes and underscores, and no key")
	}
	k.Name = fields[0]
	if len(fields) < 2 {
		return key{}, errHash
	}
	if k.hash, err = parseHash(fields[1]); err != nil {
		return key{}, err
	}
	given := make(map[string]bool)
	for _, field := range fields[2:] {
		name, value, found := strings.Cut(field, "=")
		switch {
		case !found:
			return key{}, errors.New("after the hash there are fields such as scopes=stream,tasks:read, with no blanks in them")
		case given[name]:
			return key{}, fmt.Errorf("%q is there twice", name)
		}
		given[name] = true
		if err := k.set(name, value); err != nil {
			return key{}, err
		}
	}
	if k.Scopes == 0 && len(k.OtherScopes) == 0 {
		return key{}, errors.New("it has no scopes: say scopes=stream,tasks:read, or what it is for")
	}
	return k, nil
}

var errHash = errors.New("after the name there is sha256: and the hash of the key in 64 hexadecimal digits, as heliograph key new prints it")

func parseHash(text string) (h hash, err error) {
	digits, found := strings.CutPrefix(text, hashPrefix)
	raw, err := hex.DecodeString(digits)
	if !found || err != nil || len(raw) != len(h) {
		return h, errHash
	}
	return hash(raw), nil
}

// set takes one field.
func (k *key) set(name, value string) (err error) {
	switch name {
	case "scopes":
		k.Scopes, k.OtherScopes = access.ParseScopes(strings.ReplaceAll(value, ",", " "))
		for _, scope := range k.OtherScopes {
			if err := access.CheckName(scope); err != nil {
				return fmt.Errorf("scopes: %w", err)
			}
		}
	case "types":
		k.TaskTypes = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		if len(k.TaskTypes) == 0 { // none would be all
			return errors.New("types: it names no type of tasks")
		}
	case "created":
		k.Created, err = parseTime(name, value)
	case "expires":
		k.Expires, err = parseTime(name, value)
	default:
		return errors.New("its fields are scopes, types, created and expires, and there is another one")
	}
	return err
}

func parseTime(name, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.IsZero() {
		return time.Time{}, fmt.Errorf("%s: it is no time such as 2027-01-31T00:00:00Z", name)
	}
	return t.UTC(), nil
}
