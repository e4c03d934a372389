package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A SIGHUP has the tasks file read again; a mistake in it changes nothing.
func TestSIGHUPReadsTheTasksFileAgain(t *testing.T) { // T2, T15; S3, for operators
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says := func(name, text string) string {
		return "  " + name + ":\n    progress: json\n    command: [/bin/sh, -c, 'read -r x < " + path + ".pipe; echo \"{\\\"result\\\":\\\"" + text + "\\\"}\"']\n"
	}
	if err := syscall.Mkfifo(path+".pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	write("tasks:\n" + says("work", "old") + says("gone", "gone"))
	s := start(t, "TASKS_FILE="+path, "TASK_MAX_WORKERS=2")
	reload := func(message string, times int) {
		t.Helper()
		s.signal(t, syscall.SIGHUP)
		eventually(t, "the file was read", func() bool { return len(s.logs.records(message)) == times })
	}
	const broken, good = "tasks file was read again and nothing was changed, because of a mistake", "tasks file was read again"
	running, left := s.startTask(t, `{"type":"work"}`), s.startTask(t, `{"type":"gone"}`)
	for _, id := range []string{running, left} {
		eventually(t, "it runs", func() bool { return s.status(t, id).Status == "running" })
	}
	waiting := s.startTask(t, `{"type":"work"}`)

	write("tasks:\n" + says("added", "added") + "  work: {command: [/no/such/program]}\n  gone: {comand: []}\n")
	reload(broken, 1)
	if got := string(s.call(t, "GET", "/api/task-types", "").body); strings.Contains(got, "added") || !strings.Contains(got, `"gone"`) {
		t.Errorf("after a mistake the types are %s", got)
	}
	if text := s.logs.String(); !strings.Contains(text, "tasks.yaml:") || !strings.Contains(text, "ERROR") {
		t.Error("the log does not say where the mistake is")
	}

	write("tasks:\n" + says("added", "added") + says("work", "new"))
	reload(good, 1)
	if got := string(s.call(t, "GET", "/api/task-types", "").body); !strings.Contains(got, "added") || strings.Contains(got, `"gone"`) {
		t.Errorf("the types are %s", got)
	}
	if got := s.call(t, "POST", "/api/tasks", `{"type":"gone"}`); got.code() != "UNKNOWN_TASK_TYPE" {
		t.Errorf("one of a type that is gone: %d %s", got.status, got.body)
	}
	added := s.startTask(t, `{"type":"added"}`)
	pipe, err := os.OpenFile(path+".pipe", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }()
	if _, err := pipe.WriteString("\n\n\n\n"); err != nil { // one for each
		t.Fatal(err)
	}
	for id, want := range map[string]string{running: `"old"`, left: `"gone"`, waiting: `"new"`, added: `"added"`} {
		eventually(t, "it is completed", func() bool { return s.status(t, id).Status == "completed" })
		if got := string(s.status(t, id).Result); got != want {
			t.Errorf("the result is %s, want %s", got, want)
		}
	}
	s.terminate(t)
}
