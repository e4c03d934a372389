package e2e_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal, of which the test is the person.
type terminal struct {
	person *os.File
	screen logs // all that was drawn
	cmd    *exec.Cmd
	exit   chan struct{} // closed when it has ended and the screen is complete
}

// onTerminal runs heliograph on a terminal of its own.
func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	person, line := openTerminal(t)
	term := &terminal{person: person, cmd: exec.Command(binary(t), args...), exit: make(chan struct{})}
	term.cmd.Env = environ()
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = line, line, line
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := term.cmd.Start()
	_ = line.Close() // it is the program's
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.exit)
		_, _ = io.Copy(&term.screen, person) // ends with EIO when the other side is closed
		_ = term.cmd.Wait()                  // its status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		<-term.exit
		_ = person.Close()
	})
	return term
}

// openTerminal returns both sides of a new terminal of 80 columns.
func openTerminal(t *testing.T) (person, line *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(person.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	if err != nil {
		t.Fatal(err)
	}
	line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, line
}

func (term *terminal) types(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(term.person, keys); err != nil {
		t.Fatal(err)
	}
}

func (term *terminal) shows(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the terminal shows "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

// interrupts types Ctrl-C, and waits for the n-th question.
func (term *terminal) interrupts(t *testing.T, n int) {
	t.Helper()
	term.types(t, "\x03")
	eventually(t, "the terminal asks", func() bool { return strings.Count(term.screen.String(), "c = cancel") == n })
}

// ends waits for an exit status, and for what is drawn last.
func (term *terminal) ends(t *testing.T, status int, last string) {
	t.Helper()
	await(t, "the end of heliograph run", term.exit)
	screen := term.screen.String()
	if got := term.cmd.ProcessState.ExitCode(); got != status || !strings.Contains(screen[max(0, len(screen)-200):], last) {
		t.Errorf("exit status %d, want %d, with %q:\n%q", got, status, last, screen)
	}
}

// commandsFile is the variable that names a TASKS_FILE with this in it.
func commandsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "TASKS_FILE=" + path
}

func TestRsyncIsFollowedOnATerminal(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for i := range 8 {
		noise := make([]byte, 1<<20)
		_, _ = rand.Read(noise) // never fails
		if err := os.WriteFile(filepath.Join(from, fmt.Sprint(i)), noise, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, commandsFile(t, fmt.Sprintf(`tasks:
  mirror:
    params: {limit: {type: integer}}
    command: [%q, -a, --no-inc-recursive, --info=progress2, "--bwlimit=${limit}", %q, %q]
    pattern: '(\d+)%%'
`, program(t, "rsync"), from+"/", to)))
	term := onTerminal(t, "run", "mirror", "-p", "limit=4096", "--url", s.url)
	term.ends(t, 0, `null`)
	if copied, err := os.ReadDir(to); err != nil || len(copied) != 8 {
		t.Errorf("%d files were copied, %v", len(copied), err)
	}
	for _, want := range []string{"0% |          ", "% |█████"} {
		if screen := term.screen.String(); !strings.Contains(screen, want) {
			t.Errorf("no %q in %q", want, screen)
		}
	}
}

const shellJob = `tasks:
  job:
    command: [sh, -c, 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo "$i of 1000"; sleep 0.05; done']
    pattern: '(?P<done>\d+) of (?P<total>\d+)'
    unit: rounds
`

func TestALongShellJobIsFollowedAndCancelledOnATerminal(t *testing.T) { // T7
	t.Parallel()
	s := start(t, commandsFile(t, shellJob), "PATH=/usr/bin:/bin")
	term := onTerminal(t, "run", "job", "--url", s.url)
	term.shows(t, "10/1,000 rounds")
	term.interrupts(t, 1)
	term.types(t, "no\n")
	term.shows(t, "40/1,000 rounds")
	term.interrupts(t, 2)
	term.types(t, "c\n")
	term.ends(t, 3, "heliograph: cancelled after")
}

func TestDetachingOnATerminalLeavesTheTaskRunning(t *testing.T) {
	t.Parallel()
	s := start(t, commandsFile(t, shellJob), "PATH=/usr/bin:/bin")
	term := onTerminal(t, "run", "job", "--url", s.url)
	term.shows(t, "/1,000 rounds")
	term.interrupts(t, 1)
	term.types(t, "d\n")
	term.ends(t, 130, "goes on")
	_, rest, _ := strings.Cut(term.screen.String(), "heliograph: task ")
	id, _, _ := strings.Cut(rest, " ")
	if got := s.status(t, id); got.Status != "running" {
		t.Errorf("the task is %+v", got)
	}
}
