// Package clientbundle makes the scripts of the client library, and those of the console, of
// their TypeScript sources. It is for building and testing: the service has the scripts, not
// this.
package clientbundle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// entries are the sources that become a script each, by its name. Each imports the others
// from beside it, so that a page that uses two has one library.
var entries = map[string]string{
	"client.js":   "client.ts",
	"worker.js":   "worker.ts",
	"react.js":    "react.ts",
	"elements.js": "elements.ts",
	"testing.js":  "testing.ts",
}

// Limits are the sizes that scripts may have, in bytes after gzip: what a page loads is
// part of what its visitors wait for.
var Limits = map[string]int{
	"client.js":   7 << 10,
	"worker.js":   12 << 10,
	"react.js":    2 << 10,
	"elements.js": 3 << 10,
	"testing.js":  8 << 10,
}

// Scripts returns the scripts by name, made of the sources in the folder src.
func Scripts(src string) (map[string][]byte, error) { return Mutated(src) }

// Mutated is Scripts of sources that are broken. Their pages do not meet a worker of the whole ones.
func Mutated(src string, mutations ...Mutation) (map[string][]byte, error) {
	worker, err := script(src, "worker.js", nil, mutations)
	if err != nil {
		return nil, err
	}
	define := buildOf(worker)
	made := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if made[name], err = script(src, name, define, mutations); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// buildOf has pages find the worker of their own build.
func buildOf(worker []byte) map[string]string {
	return map[string]string{"BUILD": fmt.Sprintf("%q", Hash(worker))}
}

// Hash returns a short name of a file's content.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6])
}

// Zipped returns the size of content after gzip, in bytes.
func Zipped(content []byte) int {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Len()
}

func script(src, name string, define map[string]string, mutations []Mutation) ([]byte, error) {
	return build(api.BuildOptions{
		EntryPoints:       []string{filepath.Join(src, entries[name])},
		Target:            api.ES2022,
		Define:            define,
		External:          []string{"react"},
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Plugins:           append([]api.Plugin{besideEachOther}, plugins(mutations)...),
	})
}

// besideEachOther leaves imports of other scripts as imports.
var besideEachOther = api.Plugin{Name: "beside-each-other", Setup: func(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `^\.`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		name := filepath.Base(args.Path)
		_, isScript := entries[name]
		source := filepath.Join(args.ResolveDir, strings.TrimSuffix(args.Path, ".js")+".ts")
		if isScript && args.Kind != api.ResolveEntryPoint && filepath.Base(filepath.Dir(source)) == "src" {
			return api.OnResolveResult{Path: "./" + name, External: true}, nil
		}
		// What is thrown is of the same class, whichever script throws it.
		if filepath.Base(source) == "errors.ts" && !strings.HasPrefix(filepath.Base(b.InitialOptions.EntryPoints[0]), "worker") && filepath.Base(b.InitialOptions.EntryPoints[0]) != "client.ts" {
			return api.OnResolveResult{Path: "./client.js", External: true}, nil
		}
		return api.OnResolveResult{}, nil
	})
}}

// Test returns one module for node of a test and all that it imports of the sources.
func Test(path string) ([]byte, error) {
	return build(testOptions(path))
}

func testOptions(path string) api.BuildOptions {
	return api.BuildOptions{
		EntryPoints: []string{path}, Target: api.ESNext, Platform: api.PlatformNode, Sourcemap: api.SourceMapInline,
		Define: map[string]string{"BUILD": `"test"`},
	}
}

// A Mutation takes something out of the sources, so that a test can be seen to fail.
type Mutation struct {
	// File is the path of the source below src.
	File string
	// Old must be in it once. New takes its place.
	Old, New string
}

// TestMutated is Test with sources that are broken.
func TestMutated(path string, m Mutation) ([]byte, error) {
	options := testOptions(path)
	options.Plugins = plugins([]Mutation{m})
	return build(options)
}

// plugins are those that break sources.
func plugins(mutations []Mutation) []api.Plugin {
	made := make([]api.Plugin, len(mutations))
	for i, m := range mutations {
		made[i] = api.Plugin{Name: "mutation", Setup: func(b api.PluginBuild) {
			b.OnLoad(api.OnLoadOptions{Filter: regexp.QuoteMeta("/src/"+m.File) + "$"}, m.load)
		}}
	}
	return made
}

// load reads the source, and breaks it.
func (m Mutation) load(args api.OnLoadArgs) (api.OnLoadResult, error) {
	source, err := os.ReadFile(args.Path)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	if strings.Count(string(source), m.Old) != 1 {
		return api.OnLoadResult{}, fmt.Errorf("%s does not have %q once", m.File, m.Old)
	}
	broken := strings.Replace(string(source), m.Old, m.New, 1)
	return api.OnLoadResult{Contents: &broken, Loader: api.LoaderTS, ResolveDir: filepath.Dir(args.Path)}, nil
}

func build(options api.BuildOptions) ([]byte, error) {
	options.Bundle, options.Format, options.LegalComments = true, api.FormatESModule, api.LegalCommentsNone
	options.LogLevel = api.LogLevelSilent
	result := api.Build(options)
	var errs []error
	for _, m := range append(result.Errors, result.Warnings...) {
		where := ""
		if l := m.Location; l != nil {
			where = fmt.Sprintf("%s:%d: ", l.File, l.Line)
		}
		errs = append(errs, errors.New(where+m.Text))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return result.OutputFiles[0].Contents, nil
}
