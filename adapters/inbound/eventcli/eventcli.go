// Package eventcli serves a person at a terminal, or a script: it publishes an event on a
// running service ("heliograph publish").
package eventcli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"heliograph/adapters/internal/apiclient"
)

// The exit statuses; where they can mean the same they are those of package taskcli.
const (
	Published = 0
	Missed    = 1 // the stream of the request_id is not there, or the answer could not be written
	Usage     = 2 // the service has refused the event, or the command line is wrong
	Lost      = 4 // the service cannot be reached, or takes no events
)

// Options say what to publish.
type Options struct {
	URL   string // the service's, such as http://localhost:8080
	Token string // the credential: a JWT or an API key; "" for none
	Name  string
	// Data is JSON; "-" reads it from standard input.
	Data string
	// Audience is "everyone" or a JSON object; "" is everyone, too.
	Audience  string
	RequestID string // for one stream; "" is none
	Key       string // Idempotency-Key; "" for none
	JSON      bool   // print the whole answer, and not only the event's ID
}

// Terminal is where it happens. All are required.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Transport carries the requests.
	Transport http.RoundTripper
}

// maxData bounds what is read of standard input, in bytes: a body may hold no more.
const maxData = 1 << 20

// Publish does it all and returns the exit status.
func Publish(ctx context.Context, o Options, t Terminal) int {
	client, err := apiclient.New(o.URL, o.Token, t.Transport)
	if err != nil {
		return t.fail(Usage, fmt.Errorf("--url: %w", err))
	}
	ev, err := o.event(t.In)
	if err != nil {
		return t.fail(Usage, err)
	}
	answer, err := client.Publish(ctx, ev, o.Key)
	if apiclient.IsRefusal(err) {
		return t.fail(Usage, err)
	}
	if err != nil {
		return t.fail(Lost, err)
	}
	return t.show(answer, o)
}

// event returns what is to be published.
func (o Options) event(in io.Reader) (apiclient.AppEvent, error) {
	data := []byte(o.Data)
	if o.Data == "-" {
		var err error
		if data, err = io.ReadAll(io.LimitReader(in, maxData+1)); err != nil {
			return apiclient.AppEvent{}, fmt.Errorf("read standard input: %w", err)
		}
	}
	if !json.Valid(data) {
		return apiclient.AppEvent{}, fmt.Errorf("the data is not JSON: %.80q; a text needs quotes of its own, as in '\"text\"'", data)
	}
	ev := apiclient.AppEvent{Name: o.Name, Data: data, RequestID: o.RequestID}
	switch {
	case o.Audience == "":
	case o.Audience == "everyone":
		ev.Audience = json.RawMessage(`"everyone"`)
	case !json.Valid([]byte(o.Audience)):
		return ev, fmt.Errorf(`--audience: want everyone or JSON such as {"subjects":["ann"]}, not %.80q`, o.Audience)
	default:
		ev.Audience = json.RawMessage(o.Audience)
	}
	return ev, nil
}

// show prints the answer.
func (t Terminal) show(answer apiclient.Published, o Options) int {
	var err error
	switch {
	case o.JSON:
		err = json.NewEncoder(t.Out).Encode(answer)
	case answer.ID != nil:
		_, err = fmt.Fprintln(t.Out, *answer.ID)
	}
	if err != nil {
		return t.fail(Missed, err)
	}
	if !answer.Delivered {
		return t.fail(Missed, fmt.Errorf("no stream with the request_id %q has taken it", o.RequestID))
	}
	return Published
}

// fail writes a line for people. An error of that is ignored: it could not be shown either.
func (t Terminal) fail(status int, err error) int {
	_, _ = fmt.Fprintf(t.Err, "heliograph: %v\n", err)
	return status
}
