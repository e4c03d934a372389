//go:build ignore

// Notices prints the licenses and notices of all that the program is made of: the Go
// standard library, and each module of which it holds a package. Run it in the
// repository's root.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// pkg is what "go list" says of a package.
type pkg struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// licenseFile matches the files that have to go with a copy.
var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents|copyright)([.-].*)?$`)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func write(w io.Writer) error {
	root, err := output("env", "GOROOT")
	if err != nil {
		return err
	}
	files := map[string][]string{} // by what they are for
	if files["Go standard library"], err = licensesIn(strings.TrimSpace(string(root))); err != nil {
		return err
	}
	listed, err := output("list", "-deps", "-json=Dir,Standard,Module", "./bootstrap/cmd/heliograph")
	if err != nil {
		return err
	}
	for decoder := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if p.Standard || p.Module == nil || p.Module.Main {
			continue
		}
		name := p.Module.Path + " " + p.Module.Version
		for dir := p.Dir; ; dir = filepath.Dir(dir) { // a package may come from elsewhere
			found, err := licensesIn(dir)
			if err != nil {
				return err
			}
			files[name] = append(files[name], found...)
			if dir == p.Module.Dir {
				break
			}
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "heliograph contains the following software. Made by \"make notices\".\n")
	for _, name := range names {
		slices.Sort(files[name])
		all := slices.Compact(files[name])
		if len(all) == 0 {
			return fmt.Errorf("%s has no license", name)
		}
		fmt.Fprintf(w, "\n%s\n%s\n", strings.Repeat("=", 80), name)
		for _, path := range all {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s\n\n%s\n", strings.Repeat("-", 80), strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
		}
	}
	return nil
}

func licensesIn(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if licenseFile.MatchString(e.Name()) && e.Type().IsRegular() && filepath.Ext(e.Name()) != ".go" {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// output runs the go command for the system of the image.
func output(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Output()
}
