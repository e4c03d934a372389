package typedtask

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// schemaOf derives the schema of a struct of params from its fields and tags.
func schemaOf[P any]() (*jsonschema.Schema, error) {
	if reflect.TypeFor[P]().Kind() != reflect.Struct {
		return nil, errors.New("the params must be a struct")
	}
	schema, err := jsonschema.For[P](nil)
	if err != nil {
		return nil, err
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[P]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if property := schema.Properties[name]; property != nil {
			if err := refine(property, f); err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
		}
	}
	return schema, nil
}

// resultSchema derives the schema of a result; nil if its type says nothing, as any does, or
// cannot be described: it is still a result.
func resultSchema[R any]() json.RawMessage {
	schema, err := jsonschema.For[R](nil)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(schema)
	if err != nil || string(text) == "true" || string(text) == "{}" {
		return nil
	}
	return text
}

// refine adds what the tags default, minimum and maximum say.
func refine(s *jsonschema.Schema, f reflect.StructField) error {
	if text, ok := f.Tag.Lookup("default"); ok {
		if s.Default = json.RawMessage(text); s.Type == "string" {
			s.Default, _ = json.Marshal(text) // a string always can be
		}
		if !json.Valid(s.Default) {
			return fmt.Errorf("the default %s is not JSON", text)
		}
	}
	return errors.Join(bound(&s.Minimum, f, "minimum"), bound(&s.Maximum, f, "maximum"))
}

func bound(to **float64, f reflect.StructField, tag string) error {
	text, ok := f.Tag.Lookup(tag)
	if !ok {
		return nil
	}
	value, err := strconv.ParseFloat(text, 64)
	*to = &value
	return err
}
