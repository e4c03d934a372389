package typescli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"heliograph/adapters/internal/apiclient"
)

// declare returns the declarations of types for those who import the library as module.
func declare(module string, types []apiclient.DescribedType) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// The task types of the service, written by \"heliograph types\". Do not edit.\n\nimport %s;\n\ndeclare module %s {\n  interface TaskTypes {\n", quote(module), quote(module))
	types = slices.Clone(types)
	slices.SortFunc(types, func(x, y apiclient.DescribedType) int { return cmp.Compare(x.Type, y.Type) })
	for _, t := range types {
		b.WriteString(comment("    ", t.Description))
		fmt.Fprintf(&b, "    %s: {\n", propertyName(t.Type))
		// Params are given: a list that is not changed is enough. Results belong to who gets them.
		for _, part := range []struct {
			name   string
			schema json.RawMessage
			list   string
		}{{"params", t.ParamsSchema, "readonly "}, {"result", t.ResultSchema, ""}} {
			schema, err := parse(part.schema)
			if err != nil {
				return "", fmt.Errorf("the %s of the task type %s: %w", part.name, t.Type, err)
			}
			if schema != nil {
				p := printer{root: schema, list: part.list}
				fmt.Fprintf(&b, "      %s: %s;\n", part.name, p.print(schema, "      "))
			}
		}
		b.WriteString("    };\n")
	}
	b.WriteString("  }\n}\n")
	return b.String(), nil
}

// parse returns nil where there is no schema.
func parse(text json.RawMessage) (*jsonschema.Schema, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil //nolint:nilnil // that is what no schema is
	}
	schema := new(jsonschema.Schema)
	if err := json.Unmarshal(text, schema); err != nil {
		return nil, fmt.Errorf("it is not a JSON Schema: %w", err)
	}
	return schema, nil
}
