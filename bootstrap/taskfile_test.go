package bootstrap_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/outbound/gotasks"
	"heliograph/application/tasks"
	"heliograph/bootstrap"
	"heliograph/domain/task"
)

func taskFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMistakesInTheTaskFileNameVariableAndLine(t *testing.T) {
	path := taskFile(t, "tasks:\n  a:\n    command: [no-such-program]\n  b:\n    worker: {lease: soon}\n")
	demo := taskFile(t, "tasks:\n  demo_task: {worker: {}}\n")
	for file, want := range map[string]string{
		demo: "TASKS_FILE: " + demo + ": demo_task: the service has a type of this name",
		path: "TASKS_FILE: " + path + `:3: a: command: there is no program "no-such-program"` + "\n" +
			"TASKS_FILE: " + path + `:5: b: worker: "soon" is not a duration such as 15s or 5m`,
		"/nowhere/tasks.yaml": "TASKS_FILE: open /nowhere/tasks.yaml: no such file or directory",
	} {
		if _, err := bootstrap.Load(map[string]string{"TASKS_FILE": file}, nowhere); err == nil || err.Error() != want {
			t.Errorf("Load says\n%v, want\n%s", err, want)
		}
	}
}

func TestTaskTypesComeFromTheFileAndFromTheGroup(t *testing.T) {
	path := taskFile(t, "tasks:\n  pictures: {worker: {}}\n  list: {command: [ls]}\n")
	own := func() (task.Type, error) {
		return gotasks.New("own", "", func(context.Context, struct{}, task.Reporter) (any, error) { return 0, nil })
	}
	var reader task.Reader
	wire(t, map[string]string{"TASKS_FILE": path, "APP_ENV": "production", "AUTH": "none"},
		fx.Provide(fx.Annotate(own, fx.ResultTags(bootstrap.TaskTypes))), fx.Populate(&reader))
	var names []string
	types, err := reader.Types(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range types {
		names = append(names, typ.Name)
	}
	if got := strings.Join(names, " "); got != "list own pictures" {
		t.Errorf("the types are %s", got)
	}
}

func TestTheTaskFileIsReadOnceToWireTheService(t *testing.T) {
	path := taskFile(t, "tasks: {list: {command: [ls]}}")
	remove := func(types []task.Type) ([]task.Type, error) { return types, os.Remove(path) } // once all types are known
	var reader task.Reader
	wire(t, map[string]string{"TASKS_FILE": path, "AUTH": "required", "AUTH_JWT_KEY": jwtKey},
		fx.Decorate(fx.Annotate(remove, fx.ParamTags(bootstrap.TaskTypes), fx.ResultTags(bootstrap.TaskTypes))), fx.Populate(&reader))
	types, err := reader.Types(t.Context())
	if err != nil || !slices.ContainsFunc(types, func(typ task.Type) bool { return typ.Name == "list" }) {
		t.Errorf("the types are %v, %v", types, err)
	}
}

func TestACommandRunsAsATask(t *testing.T) {
	path := taskFile(t, `tasks: {greet: {params: {name: {type: string}}, command: [printf, '{"text":"hello %s"}\n{"result":1}\n', "${name}"], progress: json}}`)
	s := start(t, map[string]string{"TASKS_FILE": path})
	status, body := ask(t, http.MethodPost, s.url+"/api/tasks", `{"type":"greet","params":{"name":"you"}}`)
	var started struct {
		ID string `json:"task_id"`
	}
	if err := json.Unmarshal([]byte(body), &started); status != http.StatusAccepted || err != nil {
		t.Fatalf("%d %s", status, body)
	}
	for ctx := within(t); !strings.Contains(body, `"status":"completed"`); {
		if ctx.Err() != nil {
			t.Fatalf("the task is %s", body)
		}
		_, body = get(t, s.url+"/api/tasks/"+started.ID)
	}
	if !strings.Contains(body, `"result":1,`) || !strings.Contains(body, `"text":"hello you"`) {
		t.Errorf("the task is %s", body)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestTheTaskFileIsReadAgain(t *testing.T) { // A8; S3, for operators
	path := taskFile(t, `tasks: {list: {command: [ls], scope: "lists"}, gone: {worker: {}}}`)
	var text strings.Builder
	environ := map[string]string{"HTTP_ADDR": "127.0.0.1:0", "TASKS_FILE": path, "AUTH": "required", "AUTH_JWT_KEY": jwtKey}
	var service *tasks.Service
	app, err := bootstrap.New(t.Context(), load(t, environ), slog.New(slog.NewTextHandler(&text, nil)), fx.Populate(&service))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close() }()
	for _, c := range []struct{ content, want, logged string }{
		{`tasks: {other: {command: [ls], scope: "lists"}}`, "other", `msg="tasks file was read again" types=1 added=[other] removed="[gone list]"`},
		{`tasks: {list: {command: [no-such-program]}}`, "other", "list: command: there is no program"},
		{`tasks: {a: {command: [no-such-program]}, b: {command: [nor-this]}}`, "other", "b: command: there is no program"},
		{`tasks: {list: {command: [ls], scope: "new"}}`, "other", `no entry had the scope \"new\" at the start`},
		{`tasks: {gone: {command: [ls]}}`, "other", "changes only with a restart"},
		{`tasks: {demo_task: {command: [ls]}}`, "other", "the service has a type of this name"},
		{`tasks: {list: {command: [ls]}, gone: {worker: {}}}`, "gone list", `added="[gone list]" removed=[other]`},
	} {
		text.Reset()
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		app.ReloadTasksFile(t.Context())
		types, err := service.Types(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, typ := range types {
			if !strings.HasSuffix(typ.Name, "_task") { // of the service's own
				names = append(names, typ.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.want || !strings.Contains(text.String(), c.logged) || (c.want == "other" && c.logged[0] != 'm') != strings.Contains(text.String(), "level=ERROR") {
			t.Errorf("%s: the types are %s, logged is %s", c.content, got, &text)
		}
	}
}
