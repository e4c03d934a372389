package commandtasks

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"heliograph/domain/task"
)

// Host is what the service lends to commands.
type Host struct {
	// Grace is how long a cancelled task may take, after which its worker gives it
	// up: commands have to be gone before.
	Grace time.Duration
	// Lookup returns a variable of the service's own environment, of which commands
	// get PATH, HOME, LANG and what the file lets them inherit.
	Lookup func(name string) (value string, ok bool)
	// Log has what a program printed that failed and told people why in its own words.
	Log *slog.Logger
}

// Parse makes task types of a file, sorted by name. The error joins every
// mistake, one a line, as path:line: what is wrong.
func Parse(path string, content []byte, host Host) ([]task.Type, error) {
	doc, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, located(err))
	}
	var file struct {
		Tasks map[string]entry `yaml:"tasks"`
	}
	if err := yaml.UnmarshalWithOptions(content, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s:%w", path, located(err))
	}
	if len(doc.Docs) != 1 || len(file.Tasks) == 0 {
		return nil, fmt.Errorf("%s:1: want one document with tasks in it", path)
	}
	var types []task.Type
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(file.Tasks)) {
		typ, err := file.Tasks[name].build(name, host)
		if err != nil {
			err = fmt.Errorf("%s:%d: %s: %w", path, lineOf(doc, name, err), name, err)
		}
		types, mistakes = append(types, typ), append(mistakes, err)
	}
	return types, errors.Join(mistakes...)
}

// located puts the line before what the YAML reader says, and leaves out the
// piece of the file that it would show.
func located(err error) error {
	if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil {
		return fmt.Errorf("%d: %s", at.GetToken().Position.Line, at.GetMessage())
	}
	return fmt.Errorf(" %w", err)
}

// fieldError is a mistake in one field of an entry.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }

func (e *fieldError) Unwrap() error { return e.err }

// in says which field err is about.
func in(field string, err error) error {
	if err == nil {
		return nil
	}
	return &fieldError{field, err}
}

// lineOf returns the line of what err is about: a field of the entry, or if that
// is not there the entry.
func lineOf(doc *ast.File, name string, err error) int {
	path := new(yaml.PathBuilder).Root().Child("tasks").Child(name)
	line := position(doc, path.Build())
	if wrong, ok := errors.AsType[*fieldError](err); ok {
		line = cmp.Or(position(doc, path.Child(wrong.field).Build()), line)
	}
	return max(line, 1)
}

// position returns the line of what is at path, 0 if nothing is.
func position(doc *ast.File, path *yaml.Path) int {
	node, err := path.FilterFile(doc)
	if err != nil {
		return 0
	}
	return node.GetToken().Position.Line
}
