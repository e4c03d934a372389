package params_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"heliograph/adapters/internal/params"
	"heliograph/domain/task"
)

// sample has a param of each kind.
const sample = `{
	"required": ["name", "level"],
	"properties": {
		"name": {"type": "string", "pattern": "^[a-z]+$"},
		"level": {"type": "integer", "minimum": 0, "maximum": 9, "default": 3},
		"ratio": {"type": "number"},
		"id": {"type": "integer"},
		"tags": {"type": "array", "items": {"type": "string"}}
	}
}`

func schema(t testing.TB, text string) *params.Schema {
	t.Helper()
	s, err := newSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSchema(text string) (*params.Schema, error) {
	var object jsonschema.Schema
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, err
	}
	return params.New(&object)
}

func TestReadChecksAndAddsDefaults(t *testing.T) {
	for given, want := range map[string]string{
		`{"name":"a"}`:                           `{"level":3,"name":"a"}`,
		`{"name":"a","level":null,"ratio":null}`: `{"level":3,"name":"a"}`,
		`{"name":"a","level":9.0,"ratio":2e1}`:   `{"level":9,"name":"a","ratio":20}`,
		`{"name":"a","ratio":0.5}`:               `{"level":3,"name":"a","ratio":0.5}`,
		`{"name":"a","id":9007199254740993}`:     `{"id":9007199254740993,"level":3,"name":"a"}`,
		`{"name":"a","tags":["x","y"]}`:          `{"level":3,"name":"a","tags":["x","y"]}`,
	} {
		got, err := schema(t, sample).Read(json.RawMessage(given))
		if text, _ := json.Marshal(got); err != nil || string(text) != want {
			t.Errorf("Read(%s) = %s, %v, want %s", given, text, err, want)
		}
	}
}

func TestMessagesShowNumbersAsDecimals(t *testing.T) {
	for schemaText, want := range map[string]string{
		`{"minimum": 0}`:                "minimum: -0.1 is less than 0",
		`{"exclusiveMinimum": 2.5}`:     "exclusiveMinimum: -0.1 is less than or equal to 2.5",
		`{"multipleOf": 3}`:             "multipleOf: -0.1 is not a multiple of 3",
		`{"enum": ["1/1", "2.000000"]}`: "enum: -0.1 does not equal any of: [1/1 2.000000]",
	} {
		_, err := schema(t, `{"properties":{"n":`+schemaText+`}}`).Read(json.RawMessage(`{"n":-0.1}`))
		if err == nil || err.Error() != `invalid params: "n" is wrong: `+want {
			t.Errorf("%s: %v, want %s", schemaText, err, want)
		}
	}
}

func TestReadErrorMessages(t *testing.T) { // S3
	for given, want := range map[string]string{
		``:                                     `"name" is missing`,
		`null`:                                 `"name" is missing`,
		`{"name":null}`:                        `"name" is missing`,
		`[]`:                                   `they must be an object`,
		`{`:                                    `they are not valid JSON`,
		`{} {}`:                                `they are not valid JSON`,
		`{"name":1}`:                           `"name" is wrong: type: 1 has type "integer", want "string"`,
		`{"name":"A"}`:                         `"name" is wrong: pattern: "A" does not match regular expression "^[a-z]+$"`,
		`{"name":"a","level":10}`:              `"level" is wrong: maximum: 10 is greater than 9`,
		`{"name":"1/1 is less than 1.000000"}`: `"name" is wrong: pattern: "1/1 is less than 1.000000" does not match regular expression "^[a-z]+$"`,
		`{"name":"a","level":1.5}`:             `"level" is wrong: type: 1.5 has type "number", want "integer"`,
		`{"name":"a","ratio":1e9999}`:          `"ratio" is wrong: a number is too large`,
		`{"name":"a","tags":[1]}`:              `"tags" is wrong: validating /items: type: 1 has type "integer", want "string"`,
		`{"Name":"a"}`:                         `"Name" is unknown; the params are id, level, name, ratio, tags`,
	} {
		_, err := schema(t, sample).Read(json.RawMessage(given))
		if !errors.Is(err, task.ErrInvalidParams) || err.Error() != "invalid params: "+want {
			t.Errorf("Read(%s) = %v, want %s", given, err, want)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) { // E8
	_, err := schema(t, sample).Read(json.RawMessage(`{"name":"` + strings.Repeat("é", 1<<20) + `"}`))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("%.100v has %d bytes", err, len(err.Error()))
	}
}

func TestJSONIsASchemaInTheGivenOrder(t *testing.T) {
	var object jsonschema.Schema
	if err := json.Unmarshal([]byte(sample), &object); err != nil {
		t.Fatal(err)
	}
	object.PropertyOrder = []string{"name", "level", "ratio", "id", "tags"}
	s, err := params.New(&object)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"object","properties":{"name":{"type":"string","pattern":"^[a-z]+$"},` +
		`"level":{"type":"integer","default":3,"minimum":0,"maximum":9},"ratio":{"type":"number"},"id":{"type":"integer"},` +
		`"tags":{"type":"array","items":{"type":"string"}}},"required":["name"],"additionalProperties":false}`
	if diff := cmp.Diff(want, string(s.JSON())); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestSchemaWithoutParams(t *testing.T) {
	s := schema(t, `{}`)
	if _, err := s.Read(json.RawMessage(`{}`)); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(json.RawMessage(`{"x":1}`)); err == nil || !strings.Contains(err.Error(), `"x" is unknown; there are no params`) {
		t.Error(err)
	}
}

func TestInvalidSchemasAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"properties":{"x":{"type":"string","pattern":"("}}}`,
		`{"properties":{"x":{"type":"string","default":1}}}`,
		`{"properties":{"x":{"$ref":"#/nowhere"}}}`,
	} {
		if _, err := newSchema(text); err == nil || !strings.HasPrefix(err.Error(), `"x": `) {
			t.Errorf("New(%s) = %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"name":"a","level":3.0,"tags":[]}`)
	f.Add(`{"ratio":1e9999999}`)
	f.Fuzz(func(t *testing.T, given string) {
		s := schema(t, sample)
		values, err := s.Read(json.RawMessage(given))
		if err != nil {
			if !errors.Is(err, task.ErrInvalidParams) {
				t.Errorf("Read(%q) = %v", given, err)
			}
			return
		}
		text, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.Read(text); err != nil || !cmp.Equal(values, again, cmp.Comparer(sameJSON)) {
			t.Errorf("what was read of %q is read as %s, %v", given, again, err)
		}
	})
}

// sameJSON compares what Marshal may have made compact.
func sameJSON(a, b json.RawMessage) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func TestWholeNumbersAreWrittenWithDigitsOnly(t *testing.T) {
	s := schema(t, `{"properties":{"n":{"type":"integer"}}}`)
	for given, want := range map[string]string{
		"3": "3", "3.0": "3", "3e0": "3", "-0": "0", "1e3": "1000", "-5.0": "-5",
		"1e30":                  "1000000000000000000000000000000",
		"-1.5E20":               "-150000000000000000000",
		"9007199254740993":      "9007199254740993",
		"9007199254740993.0":    "9007199254740993",
		"12345678901234567.8e1": "123456789012345678",
	} {
		values, err := s.Read(json.RawMessage(`{"n":` + given + `}`))
		if err != nil || string(values["n"]) != want {
			t.Errorf("%s is %s, %v; want %s", given, values["n"], err, want)
		}
	}
	// However long a number is, writing it takes no more than reading it.
	long := "1." + strings.Repeat("0", 1000) + "e30"
	if values, err := s.Read(json.RawMessage(`{"n":` + long + `}`)); err != nil || len(values["n"]) > len(long) {
		t.Errorf("%d bytes, %v", len(values["n"]), err)
	}
}
