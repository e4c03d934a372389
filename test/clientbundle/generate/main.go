// Command generate writes the scripts of the client library, made of the sources in src,
// to dist. Run it in the folder of the package webclient; go generate does.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"heliograph/test/clientbundle"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "webclient:", err)
		os.Exit(1)
	}
}

func write() error {
	scripts, err := clientbundle.Scripts("src")
	if err != nil {
		return err
	}
	for name, content := range scripts {
		if err := os.WriteFile(filepath.Join("dist", name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
