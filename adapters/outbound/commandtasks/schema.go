package commandtasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"heliograph/adapters/internal/params"
)

// schema makes the schema of the params; params are its properties.
func (e entry) schema() (*params.Schema, error) {
	object := &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{}, Required: e.Required}
	for _, item := range e.Params {
		name := fmt.Sprint(item.Key)
		property, err := propertyOf(item.Value)
		if err != nil {
			return nil, in("params", fmt.Errorf("%q: %w", name, err))
		}
		object.Properties[name] = property
		object.PropertyOrder = append(object.PropertyOrder, name)
	}
	for _, name := range e.Required {
		if object.Properties[name] == nil {
			return nil, in("required", fmt.Errorf("%q is not one of the params", name))
		}
	}
	s, err := params.New(object)
	return s, in("params", err)
}

// resultSchema reads what is said of the result; nil if nothing is.
func (e entry) resultSchema() (json.RawMessage, error) {
	if e.ResultSchema == nil {
		return nil, nil
	}
	schema, err := propertyOf(e.ResultSchema)
	if err == nil {
		_, err = schema.Resolve(nil)
	}
	if err != nil {
		return nil, in("result_schema", err)
	}
	return json.Marshal(schema)
}

// propertyOf reads one JSON Schema.
func propertyOf(written any) (*jsonschema.Schema, error) {
	var s jsonschema.Schema
	text, err := json.Marshal(written)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, fmt.Errorf("it is not a JSON Schema, such as {type: string}: there is a %s in the wrong place", wrong.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("it is not a JSON Schema: %w", err)
	}
	return &s, checkKeywords(&s)
}

// kinds are the types of JSON Schema.
var kinds = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// checkKeywords refuses what JSON Schema does not know: a mistyped keyword would
// let everything pass, a mistyped type nothing.
func checkKeywords(s *jsonschema.Schema) error {
	for keyword := range s.Extra {
		return fmt.Errorf("%q is no keyword of JSON Schema", keyword)
	}
	for _, kind := range append(s.Types, s.Type) {
		if kind != "" && !slices.Contains(kinds, kind) {
			return fmt.Errorf("%q is no type; there are %s", kind, strings.Join(kinds, ", "))
		}
	}
	for _, inner := range slices.AppendSeq([]*jsonschema.Schema{s.Items, s.AdditionalProperties}, maps.Values(s.Properties)) {
		if inner == nil {
			continue
		}
		if err := checkKeywords(inner); err != nil {
			return err
		}
	}
	return nil
}
