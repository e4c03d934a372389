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

// Write puts the results into dir as files whose names begin with name: the raw
// figures, the plots, and a page with the tables.
func (r Results) Write(dir, name string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	errs := []error{
		put(filepath.Join(dir, name+".json"), string(raw)+"\n"),
		put(filepath.Join(dir, name+".md"), r.Markdown(name)),
	}
	for _, p := range r.plots() {
		errs = append(errs, put(filepath.Join(dir, name+"-"+p.Name+".svg"), p.SVG(r)))
	}
	return errors.Join(errs...)
}

// plots are those that say something of these results.
func (r Results) plots() []Plot {
	switch {
	case r.Options.Tasks, r.Options.Output, r.Options.Clients:
		return nil
	case r.Options.Cluster:
		return slices.DeleteFunc(slices.Clone(Plots), func(p Plot) bool { return p.Name != "latency" })
	}
	return Plots
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
