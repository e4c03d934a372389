package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.folder())
		}
	}
}

func TestOutboundAdaptersSayWhichPortTheyImplement(t *testing.T) {
	for _, p := range list(t) {
		if want := "Package " + path.Base(p.folder()) + " implements "; under(p.folder(), "adapters/outbound") && !strings.HasPrefix(p.Doc, want) {
			t.Errorf("the comment of %s begins %.40q, want %q", p.folder(), p.Doc, want)
		}
	}
}

func TestOnlyBootstrapReadsTheEnvironment(t *testing.T) {
	for _, p := range list(t) {
		if !under(p.folder(), "domain", "application", "adapters") {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if use := readsEnvironment(file); use != "" {
				t.Errorf("%s/%s uses %s; configuration comes in by constructor", p.folder(), name, use)
			}
		}
	}
}

// readsEnvironment returns the first use of the environment, or "".
func readsEnvironment(file *ast.File) (use string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && use == "" {
			switch x, _ := s.X.(*ast.Ident); {
			case x == nil || (x.Name != "os" && x.Name != "syscall"):
			case strings.Contains(s.Sel.Name, "env") || strings.Contains(s.Sel.Name, "Env"):
				use = x.Name + "." + s.Sel.Name
			}
		}
		return use == ""
	})
	return use
}

func TestReadingTheEnvironmentIsFound(t *testing.T) {
	for call, want := range map[string]string{
		`os.Getenv("X")`: "os.Getenv", `os.LookupEnv("X")`: "os.LookupEnv", `os.Environ()`: "os.Environ",
		`os.ExpandEnv("$X")`: "os.ExpandEnv", `syscall.Getenv("X")`: "syscall.Getenv", `os.Hostname()`: "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nvar _ = "+call, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := readsEnvironment(file); got != want {
			t.Errorf("%s: found %q, want %q", call, got, want)
		}
	}
}
