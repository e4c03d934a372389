package webclient_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/adapters/inbound/typescli"
)

// The compiler takes what "heliograph types" writes, and knows with it what start takes and
// returns.
func TestWithItsTypesStartIsTyped(t *testing.T) { // B13
	compiler := filepath.Join(modules(t), ".bin", "tsc")
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, taskTypes) }))
	defer service.Close()
	var out, said strings.Builder
	options := typescli.Options{URL: service.URL, Module: "heliograph-client"}
	if status := typescli.Write(t.Context(), options, typescli.Terminal{Out: &out, Err: &said, Transport: service.Client().Transport}); status != typescli.Written {
		t.Fatalf("exit status %d, %s", status, said.String())
	}
	types, err := filepath.Abs("types")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := `{"compilerOptions":{"strict":true,"noEmit":true,"module":"esnext","moduleResolution":"bundler","target":"es2022","lib":["es2023","dom"],"types":[],
		"paths":{"heliograph-client":["` + filepath.ToSlash(types) + `/index.d.ts"]}},"include":["*.ts"]}`
	for name, content := range map[string]string{"tasks.d.ts": out.String(), "tsconfig.json": config, "use.ts": typedUse} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "", compiler, "-p", dir)
}

const taskTypes = `{"task_types":[
	{"type":"import","description":"Imports rows.",
		"params_schema":{"type":"object","required":["rows"],"additionalProperties":false,"properties":{
			"rows":{"type":"integer"},"mode":{"enum":["fast","safe"],"default":"safe"},"tags":{"type":"array","items":{"type":"string"}}}},
		"result_schema":{"type":"object","properties":{"rows":{"type":"integer"}},"required":["rows"]}},
	{"type":"clean.up","description":"*/ tricky","params_schema":{"type":"object","properties":{},"additionalProperties":false}},
	{"type":"anything","description":"","params_schema":null}]}`

// typedUse has an error on each line that follows a @ts-expect-error, and nowhere else.
const typedUse = `import { connect } from 'heliograph-client';
const hg = connect();
export const rows: number = (await hg.start('import', { rows: 20, mode: 'fast', tags: ['a'] as const }).result).rows;
hg.start('clean.up');
hg.start('clean.up', {}, { labels: { page: 'a' } });
hg.start('anything', { what: 'ever' });
// @ts-expect-error there is no such type
hg.start('imports', { rows: 20 });
// @ts-expect-error rows are required
hg.start('import');
// @ts-expect-error rows are a number
hg.start('import', { rows: '20' });
// @ts-expect-error there is no such mode
hg.start('import', { rows: 20, mode: 'slow' });
// @ts-expect-error it has no such param
hg.start('import', { rows: 20, colour: 'red' });
// @ts-expect-error it has no params
hg.start('clean.up', { rows: 20 });
// @ts-expect-error the result has no such field
(await hg.start('import', { rows: 20 }).result).columns;
`
