//go:build linux

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// install gets the peers' packages as package-lock.json in the folder has them.
func install(ctx context.Context, folder string) error {
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// bundle makes one minified script of source, whose imports are in the folder.
func bundle(source, folder string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: source, ResolveDir: folder},
		Bundle: true, Format: api.FormatESModule, Target: api.ES2022, Platform: api.PlatformBrowser, LegalComments: api.LegalCommentsNone,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, External: []string{"/api/*"}, LogLevel: api.LogLevelSilent,
		Define: map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("bundle: %s", result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

// page is the HTML of a client's page.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>%[1]s</title><link rel="icon" href="data:,"><body><script type="module" src="%[1]s.js"></script></body></html>
`

// makePages writes the pages of clients, whose sources are in the folder, into dir.
func makePages(clients []client, folder, dir string) error {
	for _, c := range clients {
		script, err := bundle(fmt.Sprintf("import './%s.js'", c.script), folder)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for name, content := range map[string]string{c.script + ".js": string(script), c.script + ".html": fmt.Sprintf(page, c.script)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
