package natsbroker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// What must be free on the disk of an embedded server's folder, in bytes, beside
// what is to be written. JetStream itself has no bound there but that of each
// stream: one that was fixed at the start would not follow the disk, and would
// refuse removals as well, for they are written too.
const (
	// readyRoom is for the broker to be ready: a large new record is not refused.
	readyRoom = createRoom + 1<<20
	// createRoom is for what is new.
	createRoom = 8 << 20
	// changeRoom is for a change of what is there, such as the end of a task. Below
	// it only removals go on; they need room until a file can be shortened, which
	// writes the rest of it anew.
	changeRoom = 4 << 20
	// startRoom is for the server to start, or to start anew after it could not write:
	// with less it would fail again soon.
	startRoom = 6 << 20
	// removeRoom: a removal is tried in any case.
	removeRoom = 0
	// plenty is so much more than what must be free that no disk loses it within plentyTime:
	// till then it is not asked again.
	plenty, plentyTime = 1 << 30, 50 * time.Millisecond
)

// ErrDisk says that the disk of the embedded server's folder takes nothing now.
// Serve has the server write again once there is room.
var ErrDisk = errors.New("the disk of the data folder cannot be written to")

// room is that on the disk of an embedded server's folder; without a folder the server
// is elsewhere, and looks after its disk itself.
type room struct {
	dir    string
	begun  time.Time
	enough atomic.Int64 // until when there is plenty, from begun on
}

// check returns nil if the disk has room for so many bytes beside what must be
// free, if that can be found out, or if it is the disk of a server elsewhere.
// Errors: ErrDisk.
func (r *room) check(bytes, free int) error {
	if r.dir == "" || free == removeRoom {
		return nil
	}
	since := time.Since(r.begun)
	if int64(since) < r.enough.Load() && bytes < plenty/2 {
		return nil
	}
	have, _, err := diskSpace(r.dir)
	need := uint64(bytes + free) //nolint:gosec // neither is negative
	if err == nil && have >= need+plenty {
		r.enough.Store(int64(since + plentyTime))
	}
	if err == nil && have < need {
		return fmt.Errorf("%w: it is full: %d KiB are free, and %d KiB must be", ErrDisk, have>>10, need>>10)
	}
	return nil
}

// checkSize refuses a bound that the whole disk is too small for.
func (r *room) checkSize(stream string, maxBytes int64) error {
	if r.dir == "" || maxBytes <= 0 {
		return nil
	}
	if _, whole, err := diskSpace(r.dir); err == nil && whole < uint64(maxBytes) {
		return fmt.Errorf("too little free disk space: stream %s may take %d bytes, and the whole disk has %d", stream, maxBytes, whole)
	}
	return nil
}

// canWrite writes a file of so many bytes into the folder, and removes it.
func canWrite(dir string, size int) error {
	path := filepath.Join(dir, "room")
	err := os.WriteFile(path, make([]byte, size), 0o600)
	if gone := os.Remove(path); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// isFull reports whether err, of a write, may be another one once there is room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
