// Package managecli serves a person at a terminal, or a script, that looks after the tasks of a
// running service: it lists them, shows one and what it has printed, cancels and removes
// ("heliograph tasks", "task", "cancel" and "remove").
package managecli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/domain/task"
)

// Service says which service, and with which credential.
type Service = cli.Service

// Terminal is where it happens.
type Terminal = cli.Terminal

// Selection says which tasks; all that it names must hold.
type Selection struct {
	Status string   // "" is any
	Type   string   // "" is any
	Labels []string // key=value
}

func (s Selection) filter() (apiclient.TaskFilter, error) {
	labels, err := cli.Labels(s.Labels)
	return apiclient.TaskFilter{Status: task.Status(s.Status), Type: s.Type, Labels: labels}, err
}

// CancelOptions say what to cancel: tasks by their IDs, or a selection.
type CancelOptions struct {
	IDs       []string
	Selection Selection
	JSON      bool
}

// Cancel asks for the cancellation of tasks and returns the exit status.
func Cancel(ctx context.Context, s Service, o CancelOptions, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	filter, err := o.Selection.filter()
	switch all := filter.Status == "" && filter.Type == "" && len(filter.Labels) == 0; {
	case err != nil:
		return t.Conclude(err)
	case all == (len(o.IDs) == 0):
		return t.Conclude(fmt.Errorf("%w: want the IDs of tasks, or one of --status, --type and --label", cli.ErrUsage))
	case !all:
		return t.Conclude(cancelAll(ctx, client, filter, o.JSON, t))
	}
	return eachID(o.IDs, o.JSON, t, "was asked to stop", func(id task.ID) error { return client.Cancel(ctx, id) })
}

func cancelAll(ctx context.Context, client *apiclient.Client, filter apiclient.TaskFilter, asJSON bool, t Terminal) error {
	cancelled, err := client.CancelAll(ctx, filter)
	switch {
	case err != nil:
		return err
	case asJSON:
		return t.PrintJSON(map[string]int{"cancelled": cancelled})
	}
	t.Say("cancelled: %d; those that run were asked to stop", cancelled)
	return nil
}

// Remove removes tasks that have ended and returns the exit status.
func Remove(ctx context.Context, s Service, ids []string, asJSON bool, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	return eachID(ids, asJSON, t, "is removed", func(id task.ID) error { return client.Remove(ctx, id) })
}

// done is what was done to one task, as JSON.
type done struct {
	ID    string `json:"task_id"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"` // of the service's error
}

// eachID does something to one task after the other, whatever becomes of those before, and
// says of each what did. It returns the highest exit status.
func eachID(ids []string, asJSON bool, t Terminal, what string, do func(task.ID) error) (status int) {
	for _, id := range ids {
		err := do(task.ID(id))
		status = max(status, cli.StatusOf(err))
		if !asJSON {
			switch {
			case err == nil:
				t.Say("task %s %s", id, what)
			case strings.Contains(err.Error(), id):
				t.Say("%v", err)
			default:
				t.Say("task %s: %v", id, err)
			}
			continue
		}
		line := done{ID: id, OK: err == nil}
		if err != nil {
			line.Error = err.Error()
			if refused, ok := errors.AsType[*apiclient.Error](err); ok {
				line.Error, line.Code = refused.Message, refused.Code
			}
		}
		if err := t.PrintJSON(line); err != nil {
			return max(status, t.Conclude(err))
		}
	}
	return status
}
