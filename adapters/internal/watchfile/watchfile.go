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
	// Interval is how often a file is read: its changes count within a few seconds. Its
	// content decides and not its time, which may be coarse, or older than before when a
	// file was renamed into place.
	Interval = 2 * time.Second
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
// once for each text of it.
func Follow(ctx context.Context, path string, last []byte, changed func(content []byte, err error)) {
	ticks := time.NewTicker(Interval)
	defer ticks.Stop()
	failure := ""
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		content, err := Read(path)
		switch {
		case err != nil && err.Error() == failure, err == nil && failure == "" && bytes.Equal(content, last):
		case err != nil:
			failure = err.Error()
			changed(nil, err)
		default:
			failure, last = "", content
			changed(content, nil)
		}
	}
}
