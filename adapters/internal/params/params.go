// Package params checks the params of tasks against a JSON Schema. Its error
// messages are meant for the caller who sent the params.
package params

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"heliograph/domain/task"
)

// Schema is what the params of one type of task must be: an object whose fields
// are all known. It is immutable.
type Schema struct {
	text   json.RawMessage
	fields []field
}

// field is one param.
type field struct {
	name     string
	negative bool // the schema names numbers below 0
	schema   *jsonschema.Resolved
	required bool
	fallback json.RawMessage // the default; nil is none
}

// New returns a Schema with object's properties, in their order. A property that is
// required but has a default need not be given. Errors: a property's schema is
// invalid, or does not allow its own default.
func New(object *jsonschema.Schema) (*Schema, error) {
	s, order := &Schema{}, object.PropertyOrder
	if len(order) == 0 {
		order = slices.Sorted(maps.Keys(object.Properties))
	}
	var required []string
	for _, name := range order {
		property := object.Properties[name]
		resolved, err := property.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
		if err != nil {
			return nil, fmt.Errorf("%q: %s", name, readable(err))
		}
		f := field{name: name, schema: resolved, fallback: property.Default, negative: namesNegative(property)}
		if f.required = f.fallback == nil && slices.Contains(object.Required, name); f.required {
			required = append(required, name)
		}
		s.fields = append(s.fields, f)
	}
	text, err := json.Marshal(&jsonschema.Schema{
		Type: "object", Properties: object.Properties, PropertyOrder: order, Required: required,
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	})
	s.text = text
	return s, err
}

// namesNegative reports whether a schema names numbers below 0 as allowed, and
// does not only leave them open.
func namesNegative(s *jsonschema.Schema) bool {
	below := func(bound *float64) bool { return bound != nil && *bound < 0 }
	return below(s.Minimum) || below(s.ExclusiveMinimum) || s.Const != nil || len(s.Enum) > 0
}

// Negative reports whether the author of the schema has allowed numbers below 0
// for a param, by a bound or by a list of values.
func (s *Schema) Negative(name string) bool {
	return slices.ContainsFunc(s.fields, func(f field) bool { return f.name == name && f.negative })
}

// JSON returns the schema as a document, which the caller must not change.
func (s *Schema) JSON() json.RawMessage { return s.text }

// Has reports whether there is a param of that name.
func (s *Schema) Has(name string) bool {
	return slices.ContainsFunc(s.fields, func(f field) bool { return f.name == name })
}

// Read returns the values of all params that were given or have a default; null
// is as good as not given. A whole number has no decimal point, whatever the
// caller wrote. Errors: task.ErrInvalidParams.
func (s *Schema) Read(params json.RawMessage) (map[string]json.RawMessage, error) {
	values, err := decode(params)
	if err == nil {
		err = s.check(values)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", task.ErrInvalidParams, err)
	}
	return values, nil
}

// decode reads an object, or nothing.
func decode(params json.RawMessage) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	if len(params) == 0 {
		return values, nil
	}
	if err := json.Unmarshal(params, &values); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, errors.New("they must be an object")
		}
		return nil, errors.New("they are not valid JSON")
	}
	if values == nil { // they are null
		values = map[string]json.RawMessage{}
	}
	maps.DeleteFunc(values, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return values, nil
}

// check validates the values that were given, and adds the defaults of those that were not.
func (s *Schema) check(values map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !s.Has(name) {
			return fmt.Errorf("%.80q is unknown; %s", name, s.known())
		}
	}
	for _, f := range s.fields {
		if err := f.check(values); err != nil {
			return fmt.Errorf("%q %w", f.name, err)
		}
	}
	return nil
}

func (f field) check(values map[string]json.RawMessage) error {
	text, ok := values[f.name]
	switch {
	case !ok && f.required:
		return errors.New("is missing")
	case !ok && f.fallback == nil:
		return nil
	case !ok:
		text = f.fallback
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return errors.New("is wrong: a number is too large")
	}
	if err := f.schema.Validate(value); err != nil {
		return errors.New("is wrong: " + readable(err))
	}
	values[f.name] = digitsOnly(text, value)
	return nil
}

// digitsOnly writes 3.0, 3e0 and 1e30 with digits only: to JSON Schema these are
// integers, to Go and to most programs they are not. Beyond 2^53 a float64 is no
// longer exact, so the text is converted instead.
func digitsOnly(text json.RawMessage, value any) json.RawMessage {
	const (
		exact   = 1 << 53
		longest = 400 // bytes; the largest float64 has 309 digits
	)
	f, ok := value.(float64)
	switch {
	case !ok || f != math.Trunc(f):
		return text
	case math.Abs(f) < exact:
		return strconv.AppendInt(nil, int64(f), 10)
	case !bytes.ContainsAny(text, ".eE") || len(text) > longest:
		return text
	}
	number, ok := new(big.Rat).SetString(string(text))
	if !ok || !number.IsInt() {
		return text
	}
	return []byte(number.Num().String())
}

func (s *Schema) known() string {
	if len(s.fields) == 0 {
		return "there are no params"
	}
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return "the params are " + strings.Join(names, ", ")
}

// noise is the validator's path through its own schema tree.
var noise = strings.NewReplacer("validating root: ", "", "jsonschema.Schema: <anonymous schema>: ", "")

// readable rewrites a message of the validator for people.
func readable(err error) string {
	const limit = 500 // bytes; it quotes values of any length
	text := noise.Replace(err.Error())
	if bounds.MatchString(text) {
		text = numbers.ReplaceAllStringFunc(text, decimal)
	}
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

var (
	// bounds matches the validator's messages about numbers, and numbers the numbers
	// in them, which it writes as fractions or with six decimals.
	bounds  = regexp.MustCompile(`(inimum|aximum|multipleOf): \S+ is [a-z ]+ \S+$`)
	numbers = regexp.MustCompile(`-?\d+(/\d+|\.\d{6})`)
)

func decimal(text string) string {
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	f, _ := number.Float64()
	return fmt.Sprint(f)
}
