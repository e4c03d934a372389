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
	service  *service
	commands [][]string
	running  []*sampleWorker
}

// said collects what workers say.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// newFleet runs workers of all languages for the service, until the test ends.
func newFleet(t *testing.T, s *service, each int) *fleet {
	t.Helper()
	f := &fleet{service: s}
	for _, command := range sampleWorkers {
		for range each {
			f.commands = append(f.commands, command(t))
		}
	}
	for _, command := range f.commands {
		f.running = append(f.running, s.work(t, command))
	}
	return f
}

// replace kills a worker and starts another.
func (f *fleet) replace(t *testing.T, random *rand.Rand) {
	t.Helper()
	i := random.IntN(len(f.running))
	f.running[i].kill()
	f.running[i] = f.service.work(t, f.commands[i])
}
