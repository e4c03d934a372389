// Package connectioncli serves an operator at a terminal, or a script: it lists the open streams
// of a running service and ends one ("heliograph connections").
package connectioncli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
)

// Service says which service, and with which credential.
type Service = cli.Service

// Terminal is where it happens.
type Terminal = cli.Terminal

// Options say which connections to list.
type Options struct {
	Subject   string // "" is any
	RequestID string // its beginning; "" is any
	Node      string // "" is all
	Behind    bool   // only those for which something waits
	Limit     int    // how many at most; 0 is all
	JSON      bool   // a line of JSON for each, as the API has it
}

// tableRows is after how many rows a table is printed and another begun, so that a long
// list is not held in memory.
const tableRows = 1000

// List lists connections and returns the exit status, which is cli.Failed if a node of the
// cluster did not answer.
func List(ctx context.Context, s Service, o Options, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	l := lister{terminal: t, now: time.Now()}
	more := false
	missing, err := client.EachConnection(ctx, apiclient.ConnectionFilter{Subject: o.Subject, RequestID: o.RequestID, Node: o.Node, Behind: o.Behind},
		func(one apiclient.Connection) (bool, error) {
			if o.Limit > 0 && l.count == o.Limit {
				more = true
				return false, nil
			}
			if o.JSON {
				l.count++
				return true, t.PrintJSON(one.Whole)
			}
			return true, l.add(one)
		})
	if flushed := l.flush(); err == nil {
		err = flushed
	}
	switch {
	case err != nil:
	case more:
		t.Say("there are more: --limit N or --all lists them")
	case l.count == 0 && !o.JSON:
		t.Say("no connections")
	}
	if err == nil && len(missing) > 0 {
		t.Say("not all are here, these nodes did not answer: %s", strings.Join(missing, ", "))
		return cli.Failed
	}
	return t.Conclude(err)
}

// lister is one call of List.
type lister struct {
	terminal cli.Terminal
	now      time.Time
	rows     [][]cli.Cell
	count    int
}

func (l *lister) add(c apiclient.Connection) error {
	l.count++
	style := cli.Regular
	if c.LagEvents > 0 || c.Waiting > 0 {
		style = cli.Yellow
	}
	l.rows = append(l.rows, []cli.Cell{
		{Text: c.RequestID},
		{Text: c.Subject},
		{Text: l.age(c.Since)},
		{Text: c.State},
		{Text: behind(c), Style: style},
		{Text: beginning(c)},
		{Text: c.Node},
		{Text: c.Gateway},
	})
	if len(l.rows) < tableRows {
		return nil
	}
	return l.flush()
}

func (l *lister) flush() error {
	if len(l.rows) == 0 {
		return nil
	}
	table := l.terminal.Table([]string{"REQUEST ID", "SUBJECT", "SINCE", "STATE", "BEHIND", "BEGAN", "NODE", "GATEWAY"}, l.rows)
	l.rows = nil
	return l.terminal.Print(table)
}

// age says how old a connection is; "" if its node does not know.
func (l *lister) age(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return cli.Age(since, l.now)
}

// behind says what a stream has not got yet.
func behind(c apiclient.Connection) string {
	var parts []string
	if c.LagEvents > 0 {
		parts = append(parts, humanize.Comma(c.LagEvents)+" events")
	}
	if c.Waiting > 0 {
		parts = append(parts, humanize.IBytes(uint64(c.Waiting)))
	}
	return strings.Join(parts, ", ")
}

// beginning says how a stream began.
func beginning(c apiclient.Connection) string {
	switch {
	case c.Origin == nil:
		return ""
	case c.Origin.Reset != "":
		return "reset: " + c.Origin.Reset
	case c.Origin.Resumed:
		return "resumed"
	}
	return "new"
}

// End ends the stream that has a request_id, and returns the exit status, which is cli.Failed if there is none. Whether
// there is one is asked before: the service does not say what it has ended.
func End(ctx context.Context, s Service, requestID string, asJSON bool, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	open := false
	missing, err := client.EachConnection(ctx, apiclient.ConnectionFilter{RequestID: requestID}, func(first apiclient.Connection) (bool, error) {
		open = first.RequestID == requestID // any other only begins so, and comes after it
		return false, nil
	})
	if err == nil {
		err = client.Disconnect(ctx, requestID) // also one that is opened meanwhile
	}
	none := err == nil && !open && len(missing) == 0
	switch {
	case err != nil:
		err = fmt.Errorf("end %s: %w", requestID, err)
	case asJSON:
		err = t.PrintJSON(map[string]any{"request_id": requestID, "ok": !none})
	case open:
		t.Say("the stream with the request_id %s ends now", requestID)
	case none:
		t.Say("no open stream has the request_id %s", requestID)
	default:
		t.Say("a stream with the request_id %s ends now if there is one, these nodes did not say: %s", requestID, strings.Join(missing, ", "))
	}
	if none && err == nil {
		return cli.Failed
	}
	return t.Conclude(err)
}
