package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heliograph/adapters/outbound/apikeys"
	"heliograph/domain/access"
)

type keyCommand struct {
	New keyNewCommand `cmd:"" help:"Print a new API key, once, and the line for AUTH_KEYS_FILE."`
}

type keyNewCommand struct {
	Name    string   `arg:"" help:"What the key is called in logs and in the file: letters, digits, dots, dashes, underscores."`
	Scope   []string `required:"" sep:"," placeholder:"SCOPE,..." help:"What it may do: stream, tasks:read, tasks:start, tasks:cancel, tasks:work, versions:announce, events:publish, audience, admin, or the scope of a type of tasks."`
	Type    []string `sep:"," placeholder:"TYPE,..." help:"The only types of tasks that it may start or work on; without it, all."`
	Expires string   `placeholder:"WHEN" help:"When it ends: 90d, 12h, or 2027-01-31; without it, never."`
}

// Help is shown by "heliograph key new --help".
func (keyNewCommand) Help() string {
	return `The first line that it prints is the key: give it to who is to use it, it is kept nowhere.
The second line is for the file that AUTH_KEYS_FILE names: it holds a hash of the key.`
}

// Run prints the key and the line. What is for a person goes to standard error.
func (c keyNewCommand) Run(p *program) error {
	now := time.Now().UTC().Truncate(time.Second)
	expires, err := parseEnd(c.Expires, now)
	if err != nil {
		return fmt.Errorf("--expires: %w", err)
	}
	e := apikeys.Entry{Name: c.Name, TaskTypes: c.Type, Created: now, Expires: expires}
	e.Scopes, e.OtherScopes = access.ParseScopes(strings.Join(c.Scope, " "))
	key, line, err := apikeys.New(e)
	if err != nil {
		return err
	}
	for _, name := range e.OtherScopes {
		_, _ = fmt.Fprintf(p.log, "heliograph: %q is no scope of heliograph's own: a type of tasks must name it, or the file is refused\n", name)
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n%s\n", key, line)
	return err
}

// parseEnd reads a span from now on, in days or as Go writes it, or a time or a day in
// UTC; "" is the zero time.
func parseEnd(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	end, err := parseMoment(text, now)
	switch {
	case err != nil:
		return time.Time{}, err
	case !end.After(now):
		return time.Time{}, fmt.Errorf("%q is over already", text)
	default:
		return end.UTC().Truncate(time.Second), nil
	}
}

func parseMoment(text string, now time.Time) (time.Time, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n < maxDays {
			return now.AddDate(0, 0, n), nil
		}
	}
	if span, err := time.ParseDuration(text); err == nil {
		return now.Add(span), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("want a span such as 90d or 12h, a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")
}

// maxDays is a thousand years: more is a mistyped number.
const maxDays = 365_000
