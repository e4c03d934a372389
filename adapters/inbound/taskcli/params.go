package taskcli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"heliograph/adapters/internal/cli"
)

// maxParams bounds what is read of a file, in bytes: a body may hold no more.
const maxParams = 1 << 20

// readParams returns the params that --params gives: the text itself, what a file holds for
// @FILE, or what in does for -. Errors: cli.ErrUsage.
func readParams(text string, in io.Reader) (string, error) {
	name, isFile := strings.CutPrefix(text, "@")
	if isFile {
		file, err := os.Open(name) //nolint:gosec // the person names it
		if err != nil {
			return "", fmt.Errorf("%w: --params: %w", cli.ErrUsage, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	} else if text != "-" {
		return text, nil
	}
	read, err := io.ReadAll(io.LimitReader(in, maxParams+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: --params: %w", cli.ErrUsage, err)
	case len(read) > maxParams:
		return "", fmt.Errorf("%w: --params: over 1 MiB", cli.ErrUsage)
	case len(bytes.TrimSpace(read)) == 0:
		return "", fmt.Errorf("%w: --params: %s is empty", cli.ErrUsage, text)
	}
	return string(read), nil
}

// buildParams makes the params of a JSON object and of name=value pairs, which
// win. The type's JSON Schema decides what a value is; nil knows of no param.
// The result is nil if there are none. Errors: cli.ErrUsage.
func buildParams(object string, pairs []string, schema json.RawMessage) (json.RawMessage, error) {
	if object == "" && len(pairs) == 0 {
		return nil, nil
	}
	params := map[string]json.RawMessage{}
	if object != "" {
		if err := json.Unmarshal([]byte(object), &params); err != nil || params == nil {
			return nil, fmt.Errorf("%w: --params must be a JSON object", cli.ErrUsage)
		}
	}
	named, err := valuesOf(pairs, schema)
	if err != nil {
		return nil, err
	}
	maps.Copy(params, named)
	return json.Marshal(params)
}

func valuesOf(pairs []string, schema json.RawMessage) (map[string]json.RawMessage, error) {
	wanted := typesOf(schema)
	values := make(map[string]json.RawMessage, len(pairs))
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("%w: -p %s: want name=value", cli.ErrUsage, pair)
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
