// Package fileversion implements version.Source with a JSON file.
package fileversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"heliograph/domain/version"
)

// maxBytes bounds what is read: far more than an event may hold (64 KiB unless
// configured otherwise).
const maxBytes = 1 << 20

var errUnfit = fmt.Errorf("not a regular file of at most %d bytes", maxBytes)

// Source reads the file whenever it is asked. A program that writes the file should
// rename a finished one into place; a half-written one makes the version unavailable.
type Source struct {
	path string
}

var _ version.Source = (*Source)(nil)

// New returns a Source. The file need not exist yet.
func New(path string) *Source { return &Source{path: path} }

// Current implements version.Source. It ignores ctx, because reading a small file
// takes no time worth cancelling.
func (s *Source) Current(context.Context, time.Duration) (version.Answer, error) {
	at := time.Now()
	payload, err := s.read()
	if err != nil {
		return version.Answer{}, &version.SourceError{Reason: reasonFor(err), Cause: err}
	}
	v, err := version.Parse(payload)
	if err != nil {
		return version.Answer{}, &version.SourceError{Reason: "its file: " + err.Error(), Cause: errors.New(s.path)}
	}
	return version.Answer{Version: v, At: at}, nil
}

// reasonFor says what went wrong in words that are fit for clients: errors of files
// name paths.
func reasonFor(err error) string {
	switch {
	case errors.Is(err, errUnfit):
		return "its file is " + errUnfit.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "its file does not exist"
	default:
		return "its file cannot be read"
	}
}

// read checks the file's kind before it opens it, because opening a named pipe would
// block for ever.
func (s *Source) read() ([]byte, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxBytes {
		return nil, fmt.Errorf("%s: %w", s.path, errUnfit)
	}
	file, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	payload, err := io.ReadAll(io.LimitReader(file, maxBytes)) // it may have grown since
	return payload, errors.Join(err, file.Close())
}
