package architecture_test

import (
	"fmt"
	"slices"
	"strings"
)

const module = "heliograph"

// a rule says what the packages of a layer must not import.
type rule struct {
	layers []string // folders of the module
	why    string
	// forbids judges one import. from is the importing package's folder.
	forbids func(from, imported string) bool
	// chains applies the rule to what imports import, too.
	chains bool
}

var rules = []rule{
	{
		layers: []string{"domain", "application"}, chains: true,
		why:     "the inside needs nothing but the standard library and itself",
		forbids: func(_, imported string) bool { return thirdParty(imported) || under(imported, "net/http") },
	},
	{
		layers: []string{"domain"}, chains: true,
		why:     "the domain knows nothing of the layers around it",
		forbids: func(_, imported string) bool { return ours(imported) && !under(imported, module+"/domain") },
	},
	{
		layers: []string{"application"}, chains: true,
		why: "the application knows the domain only",
		forbids: func(_, imported string) bool {
			return ours(imported) && !under(imported, module+"/domain", module+"/application")
		},
	},
	{
		layers:  []string{"application/tasks"},
		why:     "each folder of application/tasks imports only those before it in taskFolders",
		forbids: func(from, imported string) bool { return taskFolder(imported) >= taskFolder(module+"/"+from) },
	},
	{
		layers: []string{"domain", "application"},
		why:    "I/O and configuration come in by ports and constructors",
		forbids: func(_, imported string) bool {
			return under(imported, "os", "net", "io/ioutil", "database", "reflect", "unsafe", "syscall") && imported != "net/url"
		},
	},
	{
		layers:  []string{"domain"},
		why:     "the domain returns errors and logs nothing",
		forbids: func(_, imported string) bool { return under(imported, "log") },
	},
	{
		layers: []string{"adapters"}, chains: true,
		why:     "adapters meet the application through ports, and are wired from outside",
		forbids: func(_, imported string) bool { return under(imported, module+"/application", module+"/bootstrap") },
	},
	{
		layers: []string{"adapters"}, chains: true,
		why: "adapters meet each other through ports; what is shared is under adapters/internal, adapters/engine and adapters/http",
		forbids: func(from, imported string) bool {
			return under(imported, module+"/adapters/inbound", module+"/adapters/outbound") && imported != module+"/"+from
		},
	},
	{
		layers: []string{"adapters"},
		why:    "the stream engine has few faces; what others share of it is in domain/stream",
		forbids: func(from, imported string) bool {
			return under(imported, module+"/adapters/engine/sse", module+"/adapters/engine/ssegateway") && !under(from, engineFaces...)
		},
	},
	{
		layers: []string{"domain", "application", "adapters", "test/contract", "test/mocks"},
		why:    "fx is for the wiring", chains: true,
		forbids: func(_, imported string) bool { return under(imported, "go.uber.org/fx") },
	},
	{
		layers: []string{"domain", "application", "adapters", "bootstrap"}, chains: true,
		why:     "tests and documents are no part of the product",
		forbids: func(_, imported string) bool { return under(imported, module+"/test", module+"/docs") },
	},
	{
		layers: []string{"test/contract", "test/mocks"}, chains: true,
		why:     "contracts and mocks know ports only, not who implements or wires them",
		forbids: func(_, imported string) bool { return ours(imported) && !under(imported, module+"/domain") },
	},
}

// taskFolders are the folders of application/tasks in the order of their imports, and
// at last what wires them.
var taskFolders = []string{"lifecycle", "records", "scheduler", "retention", "snapshots", "runner", "leases", "orphans", ""}

// taskFolder returns the place of a package in taskFolders, or -1.
func taskFolder(path string) int {
	folder, found := strings.CutPrefix(path+"/", module+"/application/tasks/")
	if !found {
		return -1
	}
	return slices.Index(taskFolders, strings.TrimSuffix(folder, "/"))
}

// engineFaces are the folders that may import the stream engine.
var engineFaces = []string{
	"adapters/engine", "adapters/http/streamhttp", "adapters/inbound/gatewayrole", "adapters/inbound/ssestream", "adapters/outbound/embeddedsender",
}

// pkg is what `go list` says of a package; the chains of its imports are in Deps.
type pkg struct {
	ImportPath, Dir, Doc                                                         string
	GoFiles, TestGoFiles, XTestGoFiles, Imports, Deps, TestImports, XTestImports []string
}

// folder is the package's path in the module.
func (p pkg) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// violations returns what breaks a rule, one line for each package and rule.
func violations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		for _, r := range rules {
			if !under(p.folder(), r.layers...) {
				continue
			}
			imports := p.Imports
			if r.chains {
				imports = p.Deps
			}
			wrong := slices.DeleteFunc(slices.Clone(imports), func(i string) bool { return !r.forbids(p.folder(), i) })
			if len(wrong) > 0 {
				found = append(found, fmt.Sprintf("%s imports %s: %s", p.folder(), strings.Join(wrong, ", "), r.why))
			}
		}
	}
	return found
}

// under reports whether path is one of the folders or lies in one.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return path == f || strings.HasPrefix(path, f+"/")
	})
}

func ours(path string) bool { return under(path, module) }

// thirdParty reports whether path is neither ours nor the standard library's,
// whose paths have no dot in the first element.
func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}
