package taskcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"heliograph/domain/task"
)

// errUsage: what was asked for on the command line makes no sense.
var errUsage = errors.New("bad usage")

// buildParams makes the params of a JSON object and of name=value pairs, which
// win. The type's JSON Schema decides what a value is; nil knows of no param.
// The result is nil if there are none. Errors: errUsage.
func buildParams(object string, pairs []string, schema json.RawMessage) (json.RawMessage, error) {
	if object == "" && len(pairs) == 0 {
		return nil, nil
	}
	params := map[string]json.RawMessage{}
	if object != "" {
		if err := json.Unmarshal([]byte(object), &params); err != nil || params == nil {
			return nil, fmt.Errorf("%w: --params must be a JSON object", errUsage)
		}
	}
	named, err := valuesOf(pairs, schema)
	if err != nil {
		return nil, err
	}
	maps.Copy(params, named)
	return json.Marshal(params)
}

// buildLabels makes the labels of key=value pairs (rule T16); nil if there are none.
// Errors: errUsage.
func buildLabels(pairs []string) (task.Labels, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	labels := make(task.Labels, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if _, twice := labels[key]; !found || twice {
			return nil, fmt.Errorf("%w: --label %s: want key=value, each key once", errUsage, pair)
		}
		labels[key] = value
	}
	if err := labels.Check(); err != nil {
		return nil, fmt.Errorf("%w: --label: %w", errUsage, err)
	}
	return labels, nil
}

func valuesOf(pairs []string, schema json.RawMessage) (map[string]json.RawMessage, error) {
	wanted := typesOf(schema)
	values := make(map[string]json.RawMessage, len(pairs))
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("%w: -p %s: want name=value", errUsage, pair)
		}
		values[name] = valueOf(text, wanted[name])
	}
	return values, nil
}

// valueOf returns text as it is if it is JSON of one of the wanted types, and
// otherwise as a JSON string.
func valueOf(text string, wanted []string) json.RawMessage {
	if typ := typeOf(text); typ != "string" && (slices.Contains(wanted, typ) || typ == "integer" && slices.Contains(wanted, "number")) {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // a string always can be
	return quoted
}

// typeOf returns JSON Schema's name for the type of a JSON text; what is not
// JSON is a string.
func typeOf(text string) string {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return "string"
	}
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "string"
}

// typesOf returns the types that a schema wants for each of an object's
// properties. What it does not say, or says in a way that is not understood, is
// left out.
func typesOf(schema json.RawMessage) map[string][]string {
	var object struct {
		Properties map[string]struct{ Type oneOrMany }
	}
	_ = json.Unmarshal(schema, &object) // as said above
	types := make(map[string][]string, len(object.Properties))
	for name, property := range object.Properties {
		types[name] = property.Type
	}
	return types
}

// oneOrMany is a string or a list of strings.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler. Anything else is an empty list.
func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	var many []string
	_ = json.Unmarshal(text, &many)
	*o = many
	return nil
}
