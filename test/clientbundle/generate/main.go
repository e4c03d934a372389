// Command generate writes the scripts of the client library or the files of the console, made
// of the sources in src, to dist. Run it in the folder of the package webclient or console; go
// generate does.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"heliograph/test/clientbundle"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "clientbundle:", err)
		os.Exit(1)
	}
}

func write() error {
	files, err := made()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("dist", name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func made() (map[string][]byte, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if filepath.Base(folder) == "console" {
		return clientbundle.Console("src", filepath.Join("..", "webclient", "src"))
	}
	return clientbundle.Scripts("src")
}
