package watchcli

import (
	"encoding/json"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
)

// jsonLines is the view for programs: a line for each event on standard output, and what is
// about the stream itself on the other.
type jsonLines struct{ terminal cli.Terminal }

// line is an event.
type line struct {
	ID    string          `json:"id"` // "" for one that has none
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"` // a text if it is no JSON
}

func (v jsonLines) event(ev apiclient.StreamEvent) error {
	l := line{ID: ev.ID, Event: ev.Name, Data: json.RawMessage(ev.Data)}
	if !json.Valid(l.Data) {
		l.Data, _ = json.Marshal(ev.Data) // a string always can be
	}
	return v.terminal.PrintJSON(l)
}

func (v jsonLines) note(text string) { v.terminal.Say("%s", text) }

func (jsonLines) opened() {}

func (jsonLines) tick() {}

func (jsonLines) end() {}
