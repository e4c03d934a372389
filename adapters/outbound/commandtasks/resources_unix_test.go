//go:build unix

package commandtasks_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"heliograph/domain/task"
)

// exhaust takes all descriptors of the process, until the returned function is
// called.
func exhaust(t *testing.T) (release func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	release = func() {
		for _, f := range files {
			_ = f.Close()
		}
		files = nil
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(release)
	return release
}

func TestACommandWaitsForDescriptors(t *testing.T) {
	h, report := handler(t, shell("echo done")), newReports()
	release := exhaust(t)
	ended := make(chan error)
	go func() {
		_, err := h.Run(t.Context(), nil, report)
		ended <- err
	}()
	<-report.texts // that it waits
	release()
	if err := <-ended; err != nil {
		t.Errorf("with descriptors again: %v", err)
	}
}

func TestACommandThatWaitsForDescriptorsCanBeCancelled(t *testing.T) { // T7
	h, report := handler(t, shell("echo done")), newReports()
	exhaust(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := h.Run(ctx, nil, report)
		ended <- err
	}()
	<-report.texts
	cancel(task.ErrCancelled)
	if err := <-ended; !errors.Is(err, task.ErrCancelled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}
