package typescli

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
)

// List lists the task types, for people or as one object of JSON, and returns the exit status.
func List(ctx context.Context, s cli.Service, asJSON bool, t cli.Terminal) int {
	return t.Conclude(list(ctx, s, asJSON, t))
}

func list(ctx context.Context, s cli.Service, asJSON bool, t cli.Terminal) error {
	client, err := t.Client(s)
	if err != nil {
		return err
	}
	types, err := client.DescribedTypes(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(types, func(x, y apiclient.DescribedType) int { return cmp.Compare(x.Type, y.Type) })
	if asJSON {
		return t.PrintJSON(map[string]any{"task_types": types})
	}
	if len(types) == 0 {
		t.Say("no task types")
		return nil
	}
	rows := make([][]cli.Cell, 0, len(types))
	for _, typ := range types {
		rows = append(rows, []cli.Cell{{Text: typ.Type, Style: cli.Bold}, {Text: paramsOf(typ.ParamsSchema)}, {Text: typ.Description}})
	}
	return t.Print(t.Table([]string{"TYPE", "PARAMS (* must be given)", "DESCRIPTION"}, rows))
}

// paramsOf returns the names of the params that a schema names, those that must be given
// first.
func paramsOf(schema json.RawMessage) string {
	var object struct {
		Properties map[string]json.RawMessage
		Required   []string
	}
	_ = json.Unmarshal(schema, &object) // a schema that says no more names none
	var names []string
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		if !slices.Contains(object.Required, name) {
			names = append(names, name)
		}
	}
	for i, name := range object.Required {
		object.Required[i] = name + "*"
	}
	return strings.Join(append(object.Required, names...), " ")
}
