package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// list returns every package of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports,Deps,TestImports,XTestImports", module+"/...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestLayersImportOnlyWhatTheyMay(t *testing.T) {
	pkgs := list(t)
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
	for _, layer := range []string{"domain", "application", "adapters", "bootstrap"} {
		if !contains(pkgs, layer) {
			t.Errorf("no package in %s was looked at", layer)
		}
	}
}

func contains(pkgs []pkg, layer string) bool {
	for _, p := range pkgs {
		if under(p.folder(), layer) {
			return true
		}
	}
	return false
}

// The test above is worth nothing if it cannot fail.
func TestForbiddenImportsAreFound(t *testing.T) {
	for _, c := range []struct {
		from, imported string
		chain          bool // imported by way of others only
		want           string
	}{
		{from: "domain/task", imported: "net/http", want: "standard library and itself"},
		{from: "domain/task", imported: "net/http", chain: true, want: "standard library and itself"},
		{from: "domain/task", imported: "github.com/google/uuid", want: "standard library and itself"},
		{from: "domain/task", imported: "heliograph/application/tasks", want: "layers around it"},
		{from: "domain/task", imported: "os", want: "configuration"},
		{from: "domain/task", imported: "log/slog", want: "logs nothing"},
		{from: "domain/task", imported: "log/slog", chain: true},
		{from: "domain/task", imported: "reflect", want: "configuration"},
		{from: "domain/task", imported: "reflect", chain: true},
		{from: "domain/task", imported: "heliograph/domain/event"},
		{from: "application/tasks", imported: "heliograph/adapters/outbound/memtaskstore", chain: true, want: "the domain only"},
		{from: "application/tasks", imported: "heliograph/application/connections"},
		{from: "application/tasks", imported: "log/slog"},
		{from: "application/tasks", imported: "heliograph/application/tasks/orphans"},
		{from: "application/tasks/leases", imported: "heliograph/application/tasks/runner"},
		{from: "application/tasks/runner", imported: "heliograph/application/tasks/leases", want: "before it"},
		{from: "application/tasks/records", imported: "heliograph/application/tasks", want: "before it"},
		{from: "application/tasks", imported: "net", want: "configuration"},
		{from: "adapters/outbound/mempublisher", imported: "heliograph/application/connections", want: "through ports"},
		{from: "adapters/inbound/ginapi", imported: "heliograph/adapters/outbound/memregistry", want: "each other through ports"},
		{from: "adapters/outbound/memregistry", imported: "heliograph/adapters/inbound/ginapi", chain: true, want: "each other through ports"},
		{from: "adapters/outbound/memregistry", imported: "heliograph/adapters/outbound/mempending", want: "each other through ports"},
		{from: "adapters/engine/sse", imported: "heliograph/adapters/outbound/embeddedsender", want: "each other through ports"},
		{from: "adapters/outbound/embeddedsender", imported: "heliograph/adapters/engine/sse"},
		{from: "adapters/outbound/httpsender", imported: "heliograph/adapters/engine/sse", want: "few faces"},
		{from: "adapters/inbound/ginapi", imported: "go.uber.org/fx", want: "fx is for the wiring"},
		{from: "adapters/inbound/ginapi", imported: "heliograph/test/mocks", chain: true, want: "no part of the product"},
		{from: "bootstrap", imported: "go.uber.org/fx"},
		{from: "bootstrap", imported: "heliograph/test/env", chain: true, want: "no part of the product"},
		{from: "test/contract/registrycontract", imported: "heliograph/adapters/outbound/memregistry", want: "know ports only"},
		{from: "test/env", imported: "heliograph/bootstrap"},
	} {
		p := pkg{ImportPath: module + "/" + c.from, Deps: []string{c.imported}}
		if !c.chain {
			p.Imports = p.Deps
		}
		got := strings.Join(violations([]pkg{p}), "\n")
		if !strings.Contains(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%s importing %s (chain: %t) gives %q, want something with %q", c.from, c.imported, c.chain, got, c.want)
		}
	}
}
