package gotasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/gotasks"
	"heliograph/domain/task"
	"heliograph/test/contract/taskhandlercontract"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type copyParams struct {
	From   string   `json:"from" jsonschema:"where the files are"`
	Files  []string `json:"files,omitempty"`
	Level  int8     `json:"level" default:"3" minimum:"0" maximum:"9"`
	Mode   string   `json:"mode" default:"fast"`
	Secret string   `json:"-"`
	Plain  bool     `default:"true"`
}

type copyResult struct {
	Copied int    `json:"copied"`
	Said   string `json:"said"`
}

// copies waits for its context's end when it is to copy from "nowhere".
func copies(ctx context.Context, p copyParams, report task.Reporter) (copyResult, error) {
	report.Value(0.5)
	if p.From == "nowhere" {
		<-ctx.Done()
		return copyResult{}, context.Cause(ctx)
	}
	return copyResult{len(p.Files), fmt.Sprintf("%d %s %t", p.Level, p.Mode, p.Plain)}, nil
}

// shown is what a handler knows of its task.
type shown struct {
	ID      task.ID     `json:"id"`
	Attempt int         `json:"attempt"`
	Labels  task.Labels `json:"labels"`
}

// shows is copies that says what it knows of its task when it is to copy from "task".
func shows(ctx context.Context, p copyParams, report task.Reporter) (any, error) {
	if p.From != "task" {
		return copies(ctx, p, report)
	}
	e, ok := task.FromContext(ctx)
	if !ok {
		return nil, errors.New("it knows nothing")
	}
	return shown{e.ID, e.Attempt, e.Labels.OrEmpty()}, nil
}

func copyType(t *testing.T) task.Type {
	t.Helper()
	typ, err := gotasks.New("copy", "Copies files.", copies)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestHandlerContract(t *testing.T) {
	typ, err := gotasks.New("copy", "Copies files.", shows)
	if err != nil {
		t.Fatal(err)
	}
	taskhandlercontract.Run(t, func(*testing.T) taskhandlercontract.Subject {
		return taskhandlercontract.Subject{
			Handler: typ.Handler, Shows: json.RawMessage(`{"from":"task"}`),
			Short: json.RawMessage(`{"from":"here"}`), Endless: json.RawMessage(`{"from":"nowhere"}`),
			Bad: []json.RawMessage{
				nil, json.RawMessage(`{}`), json.RawMessage(`{"from":1}`), json.RawMessage(`{"from":"here","other":1}`),
				json.RawMessage(`{"from":"here","level":10}`), json.RawMessage(`[]`), json.RawMessage(`{`),
			},
		}
	})
}

func TestTheSchemaSaysWhatTheTagsSay(t *testing.T) {
	const want = `{"type":"object","properties":{"from":{"type":"string","description":"where the files are"},` +
		`"files":{"type":["null","array"],"items":{"type":"string"}},"level":{"type":"integer","default":3,"minimum":0,"maximum":9},` +
		`"mode":{"type":"string","default":"fast"},"Plain":{"type":"boolean","default":true}},` +
		`"required":["from"],"additionalProperties":false}`
	typ := copyType(t)
	if got := string(typ.ParamsSchema); got != want || typ.Name != "copy" || typ.Description != "Copies files." {
		t.Errorf("the type is %+v\nwith the schema %s,\nwant            %s", typ, got, want)
	}
}

func TestParamsAndResultsAreGoTypes(t *testing.T) {
	report := mocks.NewMockTaskReporter(gomock.NewController(t))
	report.EXPECT().Value(0.5).Times(2)
	for given, want := range map[string]string{
		`{"from":"a","files":["x","y"],"level":4.0}`:     `{"copied":2,"said":"4 fast true"}`,
		`{"from":"a","mode":"","level":0,"Plain":false}`: `{"copied":0,"said":"0  false"}`,
	} {
		got, err := copyType(t).Handler.Run(t.Context(), json.RawMessage(given), report)
		if err != nil || string(got) != want {
			t.Errorf("Run(%s) = %s, %v, want %s", given, got, err, want)
		}
	}
}

func TestTheResultOfAGoTypeIsDescribed(t *testing.T) { // B13
	if got, want := string(copyType(t).ResultSchema), `"copied":{"type":"integer"}`; !strings.Contains(got, want) {
		t.Errorf("the result's schema is %s, want %s in it", got, want)
	}
	typ, err := gotasks.New("t", "", func(context.Context, struct{}, task.Reporter) (any, error) { return 1, nil })
	if err != nil || typ.ResultSchema != nil {
		t.Errorf("of any nothing is known: %s, %v", typ.ResultSchema, err)
	}
}

func TestErrorsOfTheFunctionAreThoseOfTheTask(t *testing.T) {
	broken := errors.New("it broke")
	typ, err := gotasks.New("t", "", func(context.Context, struct{}, task.Reporter) (any, error) { return 1, broken })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := typ.Handler.Run(t.Context(), nil, nil); got != nil || !errors.Is(err, broken) {
		t.Errorf("Run = %s, %v", got, err)
	}
}

func TestAResultThatIsNoJSONIsAnError(t *testing.T) {
	typ, err := gotasks.New("t", "", func(context.Context, struct{}, task.Reporter) (func(), error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := typ.Handler.Run(t.Context(), nil, nil); err == nil {
		t.Errorf("Run = %s", got)
	}
}

func TestWhatTheSchemaCannotSayIsInvalidParamsToo(t *testing.T) {
	typ, err := gotasks.New("t", "", func(_ context.Context, p struct {
		Number int64 `json:"number"`
	}, _ task.Reporter,
	) (int64, error) {
		return p.Number, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := typ.Handler.Check(json.RawMessage(`{"number":1e30}`)); !errors.Is(err, task.ErrInvalidParams) {
		t.Errorf("Check = %v", err)
	}
}

func TestParamsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, err := range map[string]error{
		"must be a struct": tryNew[int](),
		"unsupported":      tryNew[struct{ C chan int }](),
		`"N": the default x is not`: tryNew[struct {
			N int `default:"x"`
		}](),
		`"S": `: tryNew[struct {
			S int `default:"1" minimum:"2"`
		}](),
		`invalid syntax`: tryNew[struct {
			N int `minimum:"none"`
		}](),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `task type "t": `) {
			t.Errorf("New = %v, want something with %q", err, want)
		}
	}
}

func tryNew[P any]() error {
	_, err := gotasks.New("t", "", func(context.Context, P, task.Reporter) (any, error) { return 0, nil })
	return err
}
