//go:build linux

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Write puts the results into dir: the raw figures and the plots as files whose
// names begin with name, and the tables into README.md, between the markers of
// name.
func (r Results) Write(dir, name string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	errs := []error{put(filepath.Join(dir, name+".json"), string(raw)+"\n")}
	for _, p := range r.plots() {
		errs = append(errs, put(filepath.Join(dir, name+"-"+p.Name+".svg"), p.SVG(r)))
	}
	return errors.Join(append(errs, r.splice(filepath.Join(dir, "README.md"), name))...)
}

// plots are those that say something of these results.
func (r Results) plots() []Plot {
	switch {
	case r.Options.Tasks:
		return nil
	case r.Options.Cluster:
		return slices.DeleteFunc(slices.Clone(Plots), func(p Plot) bool { return p.Name != "latency" })
	}
	return Plots
}

func (r Results) splice(path, name string) error {
	page, err := os.ReadFile(path) //nolint:gosec // the benchmark's own page
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	text, err := Splice(string(page), name, r.Markdown(name))
	if err != nil {
		return fmt.Errorf("write results: %s: %w", path, err)
	}
	return put(path, text)
}

func put(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // for everyone to read
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// Read returns results that were written.
func Read(dir, name string) (r Results, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, name+".json")) //nolint:gosec // the benchmark's own file
	if err != nil {
		return r, fmt.Errorf("read results: %w", err)
	}
	return r, json.Unmarshal(raw, &r)
}
