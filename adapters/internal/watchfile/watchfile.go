// Package watchfile reads small files again when they change.
package watchfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// Interval is how often a file is read. Its content decides and not its time, which may
	// be coarse, or older than before when a file was renamed into place.
	Interval = time.Second
	// MaxBytes bounds a file.
	MaxBytes = 1 << 20
)

// Read returns the content of a regular file of at most MaxBytes.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path) // a pipe would wait for somebody to write
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	file, err := os.Open(path) //nolint:gosec // the operator has named the file
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err == nil && len(text) > MaxBytes {
		err = fmt.Errorf("it has more than %d bytes", MaxBytes)
	}
	return text, withoutPath(err)
}

// withoutPath drops the path from an error, for messages that name the file themselves.
func withoutPath(err error) error {
	if of, ok := errors.AsType[*os.PathError](err); ok {
		return of.Err
	}
	return err
}

// Follow calls changed with what becomes of the file, whose content was last, until ctx
// ends: with its content when that has changed, and with the error when it cannot be read,
// once for each text of it. Both count when they are the same twice in a row, so within
// two seconds or so: a file that is being written is not what it will be.
func Follow(ctx context.Context, path string, last []byte, changed func(content []byte, err error)) {
	ticks := time.NewTicker(Interval)
	defer ticks.Stop()
	reported := state{content: last}
	seen := reported
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		before := seen
		content, err := Read(path)
		seen = state{content: content}
		if err != nil {
			seen = state{failure: err.Error()}
		}
		if seen.same(before) && !seen.same(reported) {
			reported = seen
			changed(content, err)
		}
	}
}

// state is what a file was when it was read.
type state struct {
	content []byte
	failure string // why it could not be read; "" if it could
}

func (s state) same(other state) bool {
	return s.failure == other.failure && bytes.Equal(s.content, other.content)
}
