package e2e_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const samples = "../../docs/examples/workers"

// workersFile is the variable that names the sample's TASKS_FILE, with another
// lease.
func workersFile(t *testing.T, lease string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, "tasks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	quicker := strings.NewReplacer("lease: 30s", "lease: "+lease, "attempts: 3", "attempts: 5", "backoff: 1s", "backoff: 50ms").Replace(string(text))
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte(quicker), 0o600); err != nil {
		t.Fatal(err)
	}
	return "TASKS_FILE=" + path
}

// program returns the path of an interpreter; .ci/needs installs them.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatalf("%s is not installed, so nothing checks the sample worker", name)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so nothing checks the sample worker", name)
	}
	return path
}

// fleet is a number of worker processes. It belongs to one goroutine.
type fleet struct {
	commands [][]string
	running  []*exec.Cmd
	said     said
}

// said collects what workers say, which is nothing as long as all is well.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// newFleet runs workers of both languages for the service, until the test ends.
func newFleet(t *testing.T, s *service, each int) *fleet {
	t.Helper()
	f := &fleet{}
	for range each {
		f.commands = append(f.commands,
			[]string{program(t, "python3"), filepath.Join(samples, "worker.py"), s.url, "count"},
			[]string{program(t, "node"), filepath.Join(samples, "worker.mjs"), s.url, "count"})
	}
	f.running = make([]*exec.Cmd, len(f.commands))
	for i := range f.commands {
		f.start(t, i)
	}
	t.Cleanup(func() {
		for i := range f.running {
			f.kill(i)
		}
		if text := f.said.text.String(); text != "" {
			t.Errorf("the workers said:\n%s", text)
		}
	})
	return f
}

func (f *fleet) start(t *testing.T, i int) {
	t.Helper()
	cmd := exec.Command(f.commands[i][0], f.commands[i][1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = os.Environ(), &f.said, &f.said //nolint:forbidigo // PATH and the like
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.running[i] = cmd
}

// kill ends a worker without a chance to do anything.
func (f *fleet) kill(i int) {
	_ = f.running[i].Process.Kill()
	_ = f.running[i].Wait() // it says that it was killed
}

// replace kills a worker and starts another.
func (f *fleet) replace(t *testing.T, random *rand.Rand) {
	t.Helper()
	i := random.IntN(len(f.running))
	f.kill(i)
	f.start(t, i)
}
