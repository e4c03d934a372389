package clientbundle

import (
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// inOneModule lets bundled packages, which are CommonJS, load what is part of node.
const inOneModule = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`

// PageTest returns one module for node of a test, of the sources that it imports and of
// the packages in the folder modules. packages names other packages to take in place of some,
// such as another version of one; those in outside are loaded when the test runs.
func PageTest(path, modules string, packages map[string]string, outside ...string) ([]byte, error) {
	located := api.Plugin{Name: "located", Setup: func(b api.PluginBuild) {
		for _, name := range outside {
			b.OnResolve(api.OnResolveOptions{Filter: "^" + name + "$"}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{Path: "file://" + filepath.ToSlash(filepath.Join(modules, name, "lib", "index.js")), External: true}, nil
			})
		}
	}}
	return build(api.BuildOptions{
		EntryPoints: []string{path}, Target: api.ESNext, Platform: api.PlatformNode, Sourcemap: api.SourceMapInline,
		Define:    map[string]string{"BUILD": `"test"`, "process.env.NODE_ENV": `"development"`},
		Banner:    map[string]string{"js": inOneModule},
		NodePaths: []string{modules},
		Alias:     packages,
		Plugins:   []api.Plugin{located},
	})
}
