// Package typescli serves a frontend's build: it asks a running service for its task types
// and writes them as TypeScript ("heliograph types"), so that the client library knows the
// params and the result of each.
package typescli

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"heliograph/adapters/internal/apiclient"
)

// The exit statuses; where they can mean the same they are those of package taskcli.
const (
	Written = 0
	Failed  = 1 // they could not be written
	Usage   = 2 // the service has refused to tell, or the command line is wrong
	Lost    = 4 // the service cannot be reached
)

// Options say whom to ask, and what to write.
type Options struct {
	URL    string // the service's, such as http://localhost:8080
	Token  string // the credential: a JWT or an API key; "" for none
	Module string // the name by which the frontend imports the client library
}

// Terminal is where it happens. All are required.
type Terminal struct {
	Out, Err io.Writer
	// Transport carries the request.
	Transport http.RoundTripper
}

// Write does it all and returns the exit status. Nothing is written when it fails.
func Write(ctx context.Context, o Options, t Terminal) int {
	client, err := apiclient.New(o.URL, o.Token, t.Transport)
	if err != nil {
		return t.fail(Usage, fmt.Errorf("--url: %w", err))
	}
	types, err := client.DescribedTypes(ctx)
	if apiclient.IsRefusal(err) {
		return t.fail(Usage, err)
	}
	if err != nil {
		return t.fail(Lost, err)
	}
	text, err := declare(o.Module, types)
	if err != nil {
		return t.fail(Usage, err)
	}
	if _, err := io.WriteString(t.Out, text); err != nil {
		return t.fail(Failed, err)
	}
	return Written
}

// fail writes a line for people. An error of that is ignored: it could not be shown either.
func (t Terminal) fail(status int, err error) int {
	_, _ = fmt.Fprintf(t.Err, "heliograph: %v\n", err)
	return status
}
