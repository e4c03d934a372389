package fulldisk

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

var onVolume = flag.Bool("fulldisk.volume", false, "this process is the one that Volume has started for its test")

// Volume returns a folder on a volume of that many bytes, which ends with the
// test. Only a process of its own can have one: ok is false in the process that go
// test has started, where the test has then been run in another, and is done. Where
// no volume can be made the test is skipped.
func Volume(t *testing.T, bytes int) (dir string, ok bool) {
	t.Helper()
	if !*onVolume {
		again(t)
		return "", false
	}
	dir = t.TempDir()
	// Nothing of it is to be seen outside of this process.
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	}
	if err != nil {
		t.Skipf("no volume can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir, true
}

// again runs the test in a process that may mount something.
func again(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-fulldisk.volume") //nolint:gosec // this very program
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Skipf("no process can have volumes of its own here: %v", err)
	}
	if err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	t.Logf("in a process of its own:\n%s", out)
}

// Occupy fills the volume that dir is on but for that many bytes, until makeRoom is
// called.
func Occupy(t *testing.T, dir string, left int) (makeRoom func()) {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(dir, "ballast")
	if err != nil {
		t.Fatal(err)
	}
	size := int64(stat.Bavail)*stat.Bsize - int64(left) //nolint:gosec // a test's volume is small
	if err := errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, max(size, 1)), f.Close()); err != nil {
		t.Fatalf("occupy %d bytes: %v", size, err)
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Error(err)
		}
	}
}
