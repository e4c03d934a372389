package commandtasks

import (
	"bytes"
	"encoding/json"
)

// fault is why a program has failed, in its own words, which are for people.
type fault struct {
	Message string `json:"error"`
	Code    string `json:"code"` // for programs; "" is none
}

// parseFault reads a line that is {"error": "…"}, with "code" or without, and nothing
// else; other objects with such a field are a program's log.
func parseFault(line string) (f fault, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(line)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil || f.Message == "" || decoder.More() {
		return fault{}, false
	}
	return f, true
}
