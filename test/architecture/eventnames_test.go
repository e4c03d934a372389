package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"heliograph/domain/appevent"
)

// passesOn are the packages that send events under names which they are given, or which
// they read from elsewhere.
var passesOn = map[string]bool{
	"application/appevents":           true,
	"adapters/engine/sse/wire":        true, // what the gateway role is handed
	"adapters/inbound/gatewayrole":    true,
	"adapters/outbound/natscontrol":   true,
	"adapters/outbound/natspublisher": true,
}

func TestNamesThatTheServiceSendsAreNoneOfTheApplications(t *testing.T) { // E11
	sent := map[string]string{}
	constants := map[string]string{}
	files := map[*ast.File]string{}
	for _, p := range list(t) {
		if !under(p.folder(), "domain", "application", "adapters", "bootstrap") {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files[file] = p.folder()
			maps.Copy(constants, stringConstants(file, path.Base(p.folder())))
		}
	}
	for file, folder := range files {
		for _, expression := range eventNames(file) {
			name, known := constantOf(expression, path.Base(folder), constants)
			switch {
			case known:
				sent[name] = folder
			case !passesOn[folder]:
				t.Errorf("%s sends an event whose name is no constant; have it reserved, and add the package to passesOn", folder)
			}
		}
		for _, name := range framesIn(file) {
			sent[name] = folder
		}
	}
	for _, name := range []string{"task_event", "task_snapshot", "version", "ping", "ready", "rejected", "replaced", "stream_reset", "auth_expiring", "auth_expired"} {
		if sent[name] == "" {
			t.Errorf("%s is not found, the search is broken", name)
		}
	}
	for name, folder := range sent {
		if !appevent.Reserved(name) {
			t.Errorf("%s sends %q, which domain/appevent does not reserve", folder, name)
		}
	}
}

// stringConstants returns the constants that a file declares, by package and name.
func stringConstants(file *ast.File, pkg string) map[string]string {
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, value := range spec.Values {
			if text, ok := literal(value); ok && i < len(spec.Names) {
				found[pkg+"."+spec.Names[i].Name] = text
			}
		}
		return true
	})
	return found
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// eventNames returns what the event.Events of a file have as their Name.
func eventNames(file *ast.File) (names []ast.Expr) {
	ast.Inspect(file, func(n ast.Node) bool {
		composite, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if of, ok := composite.Type.(*ast.SelectorExpr); !ok || of.Sel.Name != "Event" || !isNamed(of.X, "event") {
			return true
		}
		for _, element := range composite.Elts {
			if field, ok := element.(*ast.KeyValueExpr); ok && isNamed(field.Key, "Name") {
				names = append(names, field.Value)
			}
		}
		return true
	})
	return names
}

func isNamed(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// constantOf returns the text of an expression in a package.
func constantOf(e ast.Expr, pkg string, constants map[string]string) (text string, known bool) {
	if text, known = literal(e); known {
		return text, true
	}
	switch x := e.(type) {
	case *ast.Ident:
		text, known = constants[pkg+"."+x.Name]
	case *ast.SelectorExpr:
		if of, ok := x.X.(*ast.Ident); ok {
			text, known = constants[of.Name+"."+x.Sel.Name]
		}
	}
	return text, known
}

var frame = regexp.MustCompile(`(?:^|\n)event: ([a-z_]+)\n`)

// framesIn returns the names in frames that are written as they are.
func framesIn(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if text, ok := literal(e); ok {
				for _, match := range frame.FindAllStringSubmatch(text, -1) {
					names = append(names, match[1])
				}
			}
		}
		return true
	})
	return names
}
