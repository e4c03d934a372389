// Package explaincli tells a person at a terminal, or a script, why a browser did not see
// something ("heliograph explain").
package explaincli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/domain/diagnosis"
)

// The exit statuses; where they can mean the same they are those of package taskcli.
const (
	Well    = 0 // nothing is wrong with the stream
	Found   = 1 // something is, or the stream was never opened
	Usage   = 2 // the service has refused the request, or the command line is wrong
	Lost    = 4 // the service cannot be reached
	unknown = "UNKNOWN_REQUEST_ID"
)

// Options say what to explain.
type Options struct {
	URL, Token string // as for package taskcli
	RequestID  string
	Event      string // the ID of an event that is missed; "" for none
	JSON       bool   // print the service's answer
}

// Terminal is where it happens. All are required.
type Terminal struct {
	Out, Err  io.Writer
	Transport http.RoundTripper
}

// neverConnected is what is wrong with a request_id that nobody knows.
var neverConnected = diagnosis.Finding{
	Code: "NEVER_CONNECTED", Says: "No stream has this request_id, none had it lately, and none with it was refused.",
	Advice: "Look in the browser whether the page opens the stream at all, and at which address: GET /api/sse/stream?request_id=… must reach this service. Check the request_id.",
}

// Explain does it all and returns the exit status.
func Explain(ctx context.Context, o Options, t Terminal) int {
	client, err := apiclient.New(o.URL, o.Token, t.Transport)
	if err != nil {
		return t.fail(Usage, fmt.Errorf("--url: %w", err))
	}
	e, whole, err := client.Explain(ctx, o.RequestID, o.Event)
	if refused, ok := errors.AsType[*apiclient.Error](err); ok && refused.Code == unknown {
		e = apiclient.Explained{RequestID: o.RequestID, Findings: []diagnosis.Finding{neverConnected}}
		whole, err = json.Marshal(map[string]any{"request_id": e.RequestID, "findings": e.Findings})
	}
	switch {
	case apiclient.IsRefusal(err):
		return t.fail(Usage, err)
	case err != nil:
		return t.fail(Lost, err)
	}
	text := whole
	if !o.JSON {
		text = []byte(inWords(e))
	}
	if _, err := fmt.Fprintf(t.Out, "%s\n", bytes.TrimSpace(text)); err != nil {
		return t.fail(Lost, err)
	}
	if len(e.Findings) > 0 {
		return Found
	}
	return Well
}

// inWords says all of it to a person.
func inWords(e apiclient.Explained) string {
	var b strings.Builder
	switch {
	case e.Ended != nil:
		_, _ = fmt.Fprintf(&b, "%s: ended at %s (%s)\n", e.RequestID, stamp(e.Ended.At), e.Ended.Reason)
	case e.State != "":
		_, _ = fmt.Fprintf(&b, "%s: %s, %d events behind, %d bytes wait\n", e.RequestID, e.State, e.Lag, e.Waiting)
	default:
		_, _ = fmt.Fprintf(&b, "%s: not open\n", e.RequestID)
	}
	if e.Node != "" {
		_, _ = fmt.Fprintf(&b, "  %s gateway, node %s", e.Gateway, e.Node)
		if e.Since != nil {
			_, _ = fmt.Fprintf(&b, ", since %s", stamp(*e.Since))
		}
		if e.Subject != "" {
			_, _ = fmt.Fprintf(&b, ", of %s", e.Subject)
		}
		if e.Origin.Resumed {
			b.WriteString(", resumed")
		}
		if e.Origin.Reset != "" {
			_, _ = fmt.Fprintf(&b, ", reset: %s", e.Origin.Reset)
		}
		b.WriteByte('\n')
	}
	if len(e.Fates) > 0 {
		b.WriteString("\nWhat became of the last events:\n")
	}
	for _, f := range e.Fates {
		_, _ = fmt.Fprintf(&b, "  %s  %-9s", stamp(f.At), f.Fate)
		if f.Count > 1 {
			_, _ = fmt.Fprintf(&b, " %d ×", f.Count)
		}
		for _, text := range []string{f.EventType, f.EventID} {
			if text != "" {
				b.WriteString(" " + text)
			}
		}
		if f.UpTo != "" {
			b.WriteString(" up to " + f.UpTo)
		}
		if f.Why != "" {
			b.WriteString(" (" + f.Why + ")")
		}
		b.WriteByte('\n')
	}
	if len(e.Findings) == 0 {
		b.WriteString("\nNothing is wrong with it.\n")
	}
	for _, f := range e.Findings {
		_, _ = fmt.Fprintf(&b, "\n%s: %s\n  → %s\n", f.Code, f.Says, f.Advice)
	}
	if len(e.Missing) > 0 {
		_, _ = fmt.Fprintf(&b, "\nThese nodes did not answer: %s\n", strings.Join(e.Missing, ", "))
	}
	return b.String()
}

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// fail writes a line for people. An error of that is ignored: it could not be shown either.
func (t Terminal) fail(status int, err error) int {
	_, _ = fmt.Fprintf(t.Err, "heliograph: %v\n", err)
	return status
}
