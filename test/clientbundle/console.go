package clientbundle

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// ConsoleLimit is the size that the files of the console may have together, in bytes after
// gzip (rules W).
const ConsoleLimit = 60 << 10

// Console returns the files of the console by name, made of the sources in the folder src
// and of the client library's in the folder library.
func Console(src, library string) (map[string][]byte, error) {
	worker, err := script(library, "worker.js", nil, nil)
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{}
	for name, source := range map[string]string{"console.js": "console.ts", "console.css": "console.css"} {
		if made[name], err = build(api.BuildOptions{
			EntryPoints: []string{filepath.Join(src, source)}, Target: api.ES2022, Define: buildOf(worker),
			MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		}); err != nil {
			return nil, err
		}
	}
	made["icon.svg"], err = fs.ReadFile(os.DirFS(src), "icon.svg")
	return made, err
}
