// Package apidescription holds what comes over a stream against openapi.yaml. What a JSON
// Schema says of the JSON in a string (contentSchema) no validator checks by itself.
package apidescription

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// StreamEvent is the schema of an event of the stream.
const StreamEvent = "StreamEvent"

const schemas = "#/components/schemas/"

// Event is one event of a stream in the default format; an ID of "" is none.
type Event struct{ ID, Name, Data string }

// CheckEvent returns what is wrong with an event: with its fields, or with its data by
// the schema that the discriminator leads to.
func CheckEvent(doc *openapi3.T, e Event) error {
	fields := map[string]any{"event": e.Name, "data": e.Data}
	if e.ID != "" {
		fields["id"] = e.ID
	}
	if err := visit(doc, StreamEvent, fields); err != nil {
		return fmt.Errorf("event %s: %w", e.Name, err)
	}
	var data any
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		return fmt.Errorf("event %s: its data is no JSON: %w", e.Name, err)
	}
	name, err := DataSchema(doc, e.Name)
	if err != nil || name == "" {
		return err
	}
	if err := visit(doc, name, data); err != nil {
		return fmt.Errorf("data of event %s: %w", e.Name, err)
	}
	return nil
}

// DataSchema returns the name of the schema of an event's data; "" for an event of the
// application's own, which may have any.
func DataSchema(doc *openapi3.T, event string) (string, error) {
	mapped, found := Mapping(doc, StreamEvent)[event]
	if !found {
		return "", nil
	}
	item := doc.Components.Schemas[mapped]
	if item == nil || item.Value.Properties["data"] == nil || item.Value.Properties["data"].Value.ContentSchema == nil {
		return "", fmt.Errorf("the schema of event %s does not say what its data is", event)
	}
	return strings.TrimPrefix(item.Value.Properties["data"].Value.ContentSchema.Ref, schemas), nil
}

// Mapping returns the names of the schemas that the discriminator of a schema leads to, by
// its values.
func Mapping(doc *openapi3.T, schema string) map[string]string {
	names := make(map[string]string)
	if d := doc.Components.Schemas[schema].Value.Discriminator; d != nil {
		for value, ref := range d.Mapping {
			names[value] = strings.TrimPrefix(ref.Ref, schemas)
		}
	}
	return names
}

func visit(doc *openapi3.T, schema string, value any) error {
	s := doc.Components.Schemas[schema]
	if s == nil {
		return errors.New("there is no schema " + schema)
	}
	return s.Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
}
