// Package cli is what the commands share that people and scripts use against a running
// service: exit statuses, the terminal, text that is safe to show there, tables, and lines
// that are drawn anew.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"heliograph/adapters/internal/apiclient"
)

// The exit statuses.
const (
	Done   = 0
	Failed = 1 // what was asked for is not there or not so any more, or could not be written
	Usage  = 2 // the service has refused, or the command line is wrong
	Lost   = 4 // the service cannot be reached
)

// Service says which service, and with which credential.
type Service struct {
	URL   string // the service's, such as http://localhost:8080
	Token string // the credential: a JWT or an API key; "" for none
}

// Terminal is where a command happens. All but In are required, and In too where it is read.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Width is that of Out's lines in columns, and Height how many there are; 0 if Out is no terminal.
	Width, Height func() int
	// Colours says that Out may have some.
	Colours bool
	// Transport carries the requests.
	Transport http.RoundTripper
}

// Client returns a client of the service. Errors: ErrUsage.
func (t Terminal) Client(s Service) (*apiclient.Client, error) {
	client, err := apiclient.New(s.URL, s.Token, t.Transport)
	if err != nil {
		return nil, fmt.Errorf("%w: --url: %w", ErrUsage, err)
	}
	return client, nil
}

// ErrUsage says that what was asked for on the command line makes no sense.
var ErrUsage = errors.New("bad usage")

// errOutput: standard output takes nothing.
var errOutput = errors.New("standard output")

// Say writes a line for people. An error is ignored: it could not be shown either.
func (t Terminal) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.Err, "heliograph: %s\n", Plain(fmt.Sprintf(format, args...)))
}

// Conclude says what err is, if it is anything, and returns the exit status for it.
func (t Terminal) Conclude(err error) int {
	if err == nil {
		return Done
	}
	t.Say("%v", err)
	return StatusOf(err)
}

// StatusOf returns the exit status for an error of this package or of package apiclient.
func StatusOf(err error) int {
	refused, isAnswer := errors.AsType[*apiclient.Error](err)
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrUsage):
		return Usage
	case errors.Is(err, errOutput),
		isAnswer && refused.Status == http.StatusNotFound && refused.Code != "NOT_FOUND" && refused.Code != "":
		return Failed
	case apiclient.IsRefusal(err):
		return Usage
	}
	return Lost
}

// Print writes text to standard output. Errors: one whose status is Failed.
func (t Terminal) Print(text string) error {
	if _, err := io.WriteString(t.Out, text); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// PrintJSON writes v to standard output, as a line. Errors: as Print's.
func (t Terminal) PrintJSON(v any) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return t.Print(line.String())
}
