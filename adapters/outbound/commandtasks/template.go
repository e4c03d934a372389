package commandtasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"heliograph/adapters/internal/params"
)

// template is a text with ${name} in it, each of which stands for a param; $${ is
// the text ${.
type template []part

// part is a fixed text, or a param if it has a name.
type part struct{ fixed, param string }

// parseTemplate reads a template. known says which params there are.
func parseTemplate(s string, known func(name string) bool) (template, error) {
	var t template
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			return append(t, part{fixed: s}), nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			t, s = append(t, part{fixed: escaped + "${"}), rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("${ without a }; write $${ for the text ${")
		}
		if !known(name) {
			return nil, fmt.Errorf("${%s} is not one of the params", name)
		}
		t, s = append(t, part{fixed: before}, part{param: name}), after
	}
}

// value is a param as text.
type value struct {
	text string
	free bool // the caller alone decides how it begins, so it could look like an option
}

// textsOf makes texts of params: a string is its text, all else its JSON.
func textsOf(fields map[string]json.RawMessage, schema *params.Schema) (map[string]value, error) {
	values := make(map[string]value, len(fields))
	for name, field := range fields {
		v := value{text: string(field), free: !schema.Negative(name)}
		if field[0] == '"' {
			v.free = true
			if err := json.Unmarshal(field, &v.text); err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
		}
		if strings.ContainsRune(v.text, 0) {
			return nil, fmt.Errorf("%q holds a NUL, which no program can be given", name)
		}
		values[name] = v
	}
	return values, nil
}

// expand returns t with its params; false if one of them was not given.
func (t template) expand(values map[string]value) (string, bool) {
	var text strings.Builder
	for _, p := range t {
		text.WriteString(p.fixed)
		if p.param == "" {
			continue
		}
		v, ok := values[p.param]
		if !ok {
			return "", false
		}
		text.WriteString(v.text)
	}
	return text.String(), true
}

// option returns the name of the param that makes t an option although nothing
// in the file says so, or "".
func (t template) option(values map[string]value) string {
	for _, p := range t {
		if p.param == "" && p.fixed == "" {
			continue
		}
		v := values[p.param]
		if p.param != "" && v.text == "" {
			continue // what follows it begins the argument
		}
		if p.param != "" && v.free && v.text[0] == '-' {
			return p.param
		}
		return ""
	}
	return ""
}

// argument is one argument, or several that are left out together.
type argument []template

// variable is one of the environment; it is left out when its param is not given.
type variable struct {
	name  string
	value template
}

// expandAll returns the arguments whose params were all given. A text that begins
// an argument with "-" is refused, as a program would take it for an option that
// the operator has not allowed; behind "--" that cannot happen.
func expandAll(arguments []argument, values map[string]value) ([]string, error) {
	all, operands := []string{}, false
	for _, a := range arguments {
		texts, ok := a.expand(values)
		if !ok {
			continue
		}
		for i, text := range texts {
			if name := a[i].option(values); name != "" && !operands {
				return nil, fmt.Errorf("%q must not begin with \"-\"", name)
			}
			operands = operands || text == "--"
		}
		all = append(all, texts...)
	}
	return all, nil
}

func (a argument) expand(values map[string]value) ([]string, bool) {
	texts := make([]string, len(a))
	for i, t := range a {
		text, ok := t.expand(values)
		if !ok {
			return nil, false
		}
		texts[i] = text
	}
	return texts, true
}
