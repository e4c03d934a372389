package typescli_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/adapters/inbound/typescli"
	"heliograph/adapters/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service answers what it is told to, and keeps the last credential.
type service struct {
	status     int
	answer     string
	credential string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.credential = r.Header.Get("Authorization")
	if r.Method != http.MethodGet || r.URL.String() != "/api/task-types?include=result_schema" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.answer)
}

// write writes the types of s, and returns what was printed.
func write(t *testing.T, s *service, o typescli.Options) (status int, out, said string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	if o.URL == "" {
		o.URL = server.URL
	}
	var stdout, stderr strings.Builder
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	status = typescli.Write(t.Context(), o, typescli.Terminal{Out: &stdout, Err: &stderr, Transport: transport})
	return status, stdout.String(), stderr.String()
}

// declared returns what is written of one type with those schemas; "" is none.
func declared(t *testing.T, params, result string) string {
	t.Helper()
	typ := map[string]any{"type": "import", "description": "", "params_schema": raw(params), "result_schema": raw(result)}
	answer, err := json.Marshal(map[string]any{"task_types": []any{typ}})
	if err != nil {
		t.Fatal(err)
	}
	status, out, said := write(t, &service{status: http.StatusOK, answer: string(answer)}, typescli.Options{Module: "m"})
	if status != typescli.Written || said != "" {
		t.Fatalf("%s: exit status %d, %s", params, status, said)
	}
	_, out, _ = strings.Cut(out, "import: {\n")
	out, _, _ = strings.Cut(out, "    };\n  }\n")
	return out
}

func raw(schema string) json.RawMessage {
	if schema == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(schema)
}

func TestASchemaIsAType(t *testing.T) { // B13
	for schema, want := range map[string]string{
		`true`:                                 "unknown",
		`{}`:                                   "unknown",
		`false`:                                "never",
		`{"type":"string"}`:                    "string",
		`{"type":"integer","minimum":1}`:       "number",
		`{"type":["string","null"]}`:           "string | null",
		`{"type":"null"}`:                      "null",
		`{"enum":["a",1,null,true,"it's"]}`:    `"a" | 1 | null | true | "it's"`,
		`{"enum":["a",{"b":1}]}`:               "unknown",
		`{"const":"a"}`:                        `"a"`,
		`{"type":"array"}`:                     "readonly unknown[]",
		`{"items":{"type":["string","null"]}}`: "readonly (string | null)[]",
		`{"type":"array","items":{"type":"array","items":{"type":"number"}}}`:                             "readonly (readonly number[])[]",
		`{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}],"minItems":1,"items":false}`: "readonly [string, number?]",
		`{"type":"array","prefixItems":[{"type":"string"}],"minItems":1}`:                                 "readonly [string, ...unknown[]]",
		`{"type":"object"}`: "Record<string, unknown>",
		`{"type":"object","additionalProperties":{"type":"number"}}`:                                                                          "Record<string, number>",
		`{"type":"object","additionalProperties":false}`:                                                                                      "Record<string, never>",
		`{"patternProperties":{"^a":{"type":"number"}},"type":"object","additionalProperties":false}`:                                         "Record<string, unknown>",
		`{"oneOf":[{"type":"string"},{"type":"string","maxLength":3},{"type":"number"}]}`:                                                     "string | number",
		`{"anyOf":[{"type":"string"},{}]}`:                                                                                                    "unknown",
		`{"allOf":[{"type":"object","properties":{"a":{}}},{"anyOf":[{"type":"string"},{"type":"number"}]}]}`:                                 "{\n        a?: unknown;\n      } & (string | number)",
		`{"$ref":"#/$defs/x","$defs":{"x":{"type":"boolean"}}}`:                                                                               "boolean",
		`{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","properties":{"next":{"$ref":"#/$defs/x"}}}}}`:                                     "{\n        next?: unknown;\n      }",
		`{"$ref":"http://elsewhere/x"}`:                                                                                                       "unknown",
		`{"type":"object","properties":{"b":{"type":"number"},"a-b":{"type":"string"},"in":{},"ü":{},"__proto__":{}},"required":["b","a-b"]}`: "{\n        __proto__?: unknown;\n        \"a-b\": string;\n        b: number;\n        in?: unknown;\n        \"ü\"?: unknown;\n      }",
		`{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"}},"required":["b"]}}}`:                        "{\n        a?: {\n          b: string;\n        };\n      }",
		`{"type":"object","properties":{"a":{"type":"number","description":"how many */ of\nthem","default":3}},"required":["a"]}`:            "{\n        /**\n         * how many *\\/ of\n         * them\n         * @default 3\n         */\n        a?: number;\n      }",
		`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"number"}}`:                                                    "{\n        a?: unknown;\n        [name: string]: unknown;\n      }",
	} {
		want = "      params: " + want + ";\n"
		if diff := cmp.Diff(want, declared(t, schema, "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", schema, diff)
		}
	}
}

func TestAResultIsWrittenWhereItIsKnown(t *testing.T) { // B13
	got := declared(t, "", `{"type":"object","properties":{"rows":{"type":"array","items":{"type":"integer"},"default":[]}},"required":["rows"]}`)
	want := "      result: {\n        /** @default [] */\n        rows: number[];\n      };\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a default does not make a result optional (-want +got):\n%s", diff)
	}
}

func TestWhatGoesWrongIsSaid(t *testing.T) { // B13
	for name, c := range map[string]struct {
		service service
		options typescli.Options
		status  int
		said    string
	}{
		"no URL":         {service{}, typescli.Options{URL: "localhost"}, typescli.Usage, "--url"},
		"nobody there":   {service{}, typescli.Options{URL: "http://127.0.0.1:1"}, typescli.Lost, "cannot be reached"},
		"not allowed":    {service{status: 403, answer: `{"error":{"code":"FORBIDDEN","message":"no"}}`}, typescli.Options{}, typescli.Usage, "no (FORBIDDEN)"},
		"in trouble":     {service{status: 503, answer: `{}`}, typescli.Options{}, typescli.Lost, "503"},
		"something else": {service{status: 200, answer: `{"hello":"world"}`}, typescli.Options{}, typescli.Lost, "without task types"},
		"a wrong schema": {service{status: 200, answer: `{"task_types":[{"type":"import","params_schema":{"type":5}}]}`}, typescli.Options{}, typescli.Usage, "import"},
	} {
		status, out, said := write(t, &c.service, c.options)
		if status != c.status || out != "" || !strings.Contains(said, c.said) {
			t.Errorf("%s: exit status %d, want %d; out %q, said %q", name, status, c.status, out, said)
		}
	}
	s := &service{status: 200, answer: `{"task_types":[]}`}
	server := httptest.NewServer(s)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var said strings.Builder
	if status := typescli.Write(t.Context(), typescli.Options{URL: server.URL, Token: "t0ken"}, typescli.Terminal{Out: failing{}, Err: &said, Transport: transport}); status != typescli.Failed {
		t.Errorf("what cannot be written: exit status %d, %s", status, said.String())
	}
	if s.credential != "Bearer t0ken" {
		t.Errorf("the credential was %q", s.credential)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no disk") }

func TestTypesAreListed(t *testing.T) { // W8
	const types = `{"type":"import","description":"Reads a file.","params_schema":{"type":"object","properties":{"b":{},"a":{},"file":{}},"required":["file"]},"result_schema":null}`
	for _, c := range []struct {
		answer string
		json   bool
		want   string
	}{
		{`{"task_types":[` + types + `]}`, true, `{"task_types":[` + types + `]}` + "\n"},
		{`{"task_types":[` + types + `]}`, false, "TYPE    PARAMS (* must be given)  DESCRIPTION\nimport  file* a b                 Reads a file.\n"},
		{`{"task_types":[]}`, false, ""},
	} {
		server := httptest.NewServer(&service{status: http.StatusOK, answer: c.answer})
		transport := &http.Transport{}
		var stdout, stderr strings.Builder
		none := func() int { return 0 }
		status := typescli.List(t.Context(), cli.Service{URL: server.URL}, c.json, cli.Terminal{Out: &stdout, Err: &stderr, Width: none, Height: none, Transport: transport})
		transport.CloseIdleConnections()
		server.Close()
		if status != typescli.Written || stdout.String() != c.want || (c.want == "") != (stderr.String() == "heliograph: no task types\n") {
			t.Errorf("%t: exit status %d, %q, %q", c.json, status, stdout.String(), stderr.String())
		}
	}
}
