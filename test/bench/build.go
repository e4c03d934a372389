//go:build linux

package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles the programs that a benchmark needs into bin.
func Build(ctx context.Context, bin string) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	return compile(ctx, root, bin,
		"./bootstrap/cmd/heliograph", "./test/bench/loadgen", "./test/bench/servers/...", "./test/cluster/natsd")
}

// BuildPeers compiles the servers on other people's Go libraries, which are a
// module of their own.
func BuildPeers(ctx context.Context, bin string) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	return compile(ctx, filepath.Join(root, "test/bench/peers"), bin, "./...")
}

// Root is the folder of the repository.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "heliograph").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// compile builds as make build does.
func compile(ctx context.Context, dir, bin string, packages ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", bin + "/"}, packages...)...) //nolint:gosec // the benchmark's own
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}
