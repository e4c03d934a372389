package typescli

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// printer writes one JSON Schema as a type of TypeScript. What a type cannot say, such as a
// pattern or a smallest number, is left out: the service checks it. The type never refuses
// what the schema allows, but for properties that the schema does not name.
type printer struct {
	root *jsonschema.Schema
	list string   // before a list's type: "readonly " or ""
	open []string // references that are being followed
}

// unknown is the type of what may be anything.
const unknown = "unknown"

// print returns the type; indent is that of the line that it stands on.
func (p *printer) print(s *jsonschema.Schema, indent string) string {
	switch {
	case s == nil:
		return unknown
	case s.Ref != "":
		return p.reference(s.Ref, indent)
	case s.Const != nil:
		return literal(*s.Const)
	case len(s.Enum) > 0:
		literals := make([]string, len(s.Enum))
		for i, value := range s.Enum {
			literals[i] = literal(value)
		}
		return union(literals)
	case isNever(s):
		return "never"
	}
	parts := []string{}
	if own := p.own(s, indent); own != unknown {
		parts = append(parts, own)
	}
	for _, choices := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf} {
		if len(choices) > 0 {
			parts = append(parts, p.union(choices, indent))
		}
	}
	for _, all := range s.AllOf {
		if printed := p.print(all, indent); printed != unknown {
			parts = append(parts, printed)
		}
	}
	return intersection(parts)
}

func (p *printer) union(choices []*jsonschema.Schema, indent string) string {
	types := make([]string, len(choices))
	for i, choice := range choices {
		types[i] = p.print(choice, indent)
	}
	return union(types)
}

// own returns the type that s says itself, without those that it is combined of.
func (p *printer) own(s *jsonschema.Schema, indent string) string {
	kinds := s.Types
	if s.Type != "" {
		kinds = []string{s.Type}
	}
	switch {
	case len(kinds) > 0:
	case len(s.Properties) > 0 || s.AdditionalProperties != nil || len(s.Required) > 0:
		kinds = []string{"object"}
	case s.Items != nil || s.PrefixItems != nil:
		kinds = []string{"array"}
	}
	types := make([]string, len(kinds))
	for i, kind := range kinds {
		types[i] = p.kind(kind, s, indent)
	}
	if len(types) == 0 {
		return unknown
	}
	return union(types)
}

func (p *printer) kind(kind string, s *jsonschema.Schema, indent string) string {
	switch kind {
	case "string", "boolean", "null":
		return kind
	case "integer", "number":
		return "number"
	case "array":
		return p.array(s, indent)
	case "object":
		return p.object(s, indent)
	}
	return unknown
}

func (p *printer) array(s *jsonschema.Schema, indent string) string {
	if len(s.PrefixItems) == 0 {
		return p.list + bracket(p.print(s.Items, indent)) + "[]"
	}
	var items []string
	for i, item := range s.PrefixItems {
		printed := bracket(p.print(item, indent))
		if s.MinItems == nil || i >= *s.MinItems {
			printed += "?"
		}
		items = append(items, printed)
	}
	if s.Items == nil || !isNever(s.Items) {
		items = append(items, "..."+bracket(p.print(s.Items, indent))+"[]")
	}
	return p.list + "[" + strings.Join(items, ", ") + "]"
}

func (p *printer) object(s *jsonschema.Schema, indent string) string {
	others := s.AdditionalProperties
	if len(s.PatternProperties) > 0 {
		others = nil // of which kind each is cannot be said
	}
	if len(s.Properties) == 0 {
		switch {
		case others == nil:
			return "Record<string, unknown>"
		case isNever(others):
			return "Record<string, never>"
		}
		return "Record<string, " + p.print(others, indent) + ">"
	}
	var b strings.Builder
	b.WriteString("{\n")
	inner := indent + "  "
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		b.WriteString(comment(inner, about(property)))
		optional := "?"
		if slices.Contains(s.Required, name) && (p.list == "" || property == nil || property.Default == nil) {
			optional = ""
		}
		b.WriteString(inner + propertyName(name) + optional + ": " + p.print(property, inner) + ";\n")
	}
	if others != nil && !isNever(others) {
		b.WriteString(inner + "[name: string]: unknown;\n")
	}
	return b.String() + indent + "}"
}

// reference follows one inside the schema; what is in itself is unknown there.
func (p *printer) reference(ref, indent string) string {
	name, isDefinition := strings.CutPrefix(ref, "#/$defs/")
	definitions := p.root.Defs
	if !isDefinition {
		name, isDefinition = strings.CutPrefix(ref, "#/definitions/")
		definitions = p.root.Definitions
	}
	target := definitions[name]
	if ref == "#" {
		target, isDefinition = p.root, true
	}
	if !isDefinition || target == nil || slices.Contains(p.open, ref) {
		return unknown
	}
	p.open = append(p.open, ref)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	return p.print(target, indent)
}

// isNever reports whether nothing matches s: in JSON it is false, which the package reads as
// {"not": {}}.
func isNever(s *jsonschema.Schema) bool {
	if s.Not == nil {
		return false
	}
	text, err := json.Marshal(s)
	return err == nil && string(text) == "false"
}

// literal returns a JSON value as a type.
func literal(value any) string {
	switch value.(type) {
	case nil, bool, float64, string, json.Number:
		text, err := json.Marshal(value)
		if err != nil {
			return unknown
		}
		return string(text)
	}
	return unknown // lists and objects: rare, and never narrower than they are
}

func union(types []string) string {
	types = unique(types)
	if slices.Contains(types, unknown) {
		return unknown
	}
	for i := range types {
		if len(types) > 1 && strings.Contains(types[i], " & ") {
			types[i] = "(" + types[i] + ")"
		}
	}
	return strings.Join(types, " | ")
}

func intersection(types []string) string {
	types = unique(types)
	if len(types) == 0 {
		return unknown
	}
	for i := range types {
		if len(types) > 1 {
			types[i] = bracket(types[i])
		}
	}
	return strings.Join(types, " & ")
}

// bracket makes something of a type that "[]" or "&" may stand beside.
func bracket(typ string) string {
	if strings.Contains(typ, " | ") || strings.Contains(typ, " & ") || strings.HasPrefix(typ, "readonly ") {
		return "(" + typ + ")"
	}
	return typ
}

func unique(types []string) []string {
	var kept []string
	for _, t := range types {
		if !slices.Contains(kept, t) {
			kept = append(kept, t)
		}
	}
	return kept
}

// identifier matches names that need no quotes; others are quoted, which is always right.
var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

func propertyName(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return quote(name)
}

// quote returns text as a string of TypeScript: JSON is one.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // a string always can be
	}
	return string(quoted)
}

// about returns what a comment says of a property.
func about(s *jsonschema.Schema) string {
	if s == nil {
		return ""
	}
	text := s.Description
	if s.Default != nil {
		text += "\n@default " + string(s.Default)
	}
	return strings.TrimSpace(text)
}

// comment returns text as a comment on lines of its own, or "".
func comment(indent, text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "*/", "*\\/")
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	if len(lines) == 1 {
		return indent + "/** " + text + " */\n"
	}
	var b strings.Builder
	b.WriteString(indent + "/**\n")
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+" * "+strings.TrimSpace(line), " ") + "\n")
	}
	return b.String() + indent + " */\n"
}
