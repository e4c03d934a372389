package natsbroker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
)

// FieldNames returns the names that the fields of a struct have in JSON, which all
// have to be given in their tags.
func FieldNames(record any) map[string]bool {
	names := make(map[string]bool)
	for field := range reflect.TypeOf(record).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}

// CheckFormat fails if a record has a later format than this version reads. Formats
// count from 1, and a record that does not name its format has an earlier one.
func CheckFormat(format, newest int) error {
	if format > newest {
		return fmt.Errorf("the record has format %d, and this version reads formats up to %d", format, newest)
	}
	return nil
}

// errNoObject: a record is not a JSON object.
var errNoObject = errors.New("the record is no JSON object")

// EncodeRecord returns record, a struct with a field that is always written, as a JSON
// object which also has the unknown fields that DecodeRecord returned.
func EncodeRecord(record any, unknown json.RawMessage) ([]byte, error) {
	text, err := EncodeJSON(record)
	if err != nil {
		return text, err
	}
	return WithUnknown(text, unknown)
}

// WithUnknown returns text, a JSON object with at least one field, with the unknown fields
// that DecodeRecord returned.
func WithUnknown(text []byte, unknown json.RawMessage) ([]byte, error) {
	if len(unknown) == 0 {
		return text, nil
	}
	if text[0] != '{' || unknown[0] != '{' {
		return nil, errNoObject
	}
	joined := append(text[:len(text)-1:len(text)-1], ',')
	return append(joined, unknown[1:]...), nil
}

// DecodeRecord reads a JSON object into record, a pointer to a struct whose fields
// have the known names. Fields with other names are those of a later version, or of
// one that is no more: they are returned as one object, nil if there are none, for
// EncodeRecord to write again. So a node of an earlier version loses nothing of a
// record that it changes.
func DecodeRecord(text []byte, record any, known map[string]bool) (unknown json.RawMessage, err error) {
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if strict.Decode(record) == nil {
		if _, err := strict.Token(); errors.Is(err, io.EOF) {
			return nil, nil
		}
	}
	if err := json.Unmarshal(text, record); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	maps.DeleteFunc(fields, func(name string, _ json.RawMessage) bool { return known[name] })
	if len(fields) == 0 {
		return nil, nil
	}
	return EncodeJSON(fields)
}

// EncodeJSON is json.Marshal that leaves what callers have given as it is: <, > and & are not escaped.
func EncodeJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(text.Bytes()), err
}
