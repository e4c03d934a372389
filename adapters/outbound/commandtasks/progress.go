package commandtasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"heliograph/domain/task"
)

// mode is how progress is read from an output.
type mode string

const (
	modeText    mode = "text"    // the last line is the text
	modeJSON    mode = "json"    // lines that are JSON objects
	modePattern mode = "pattern" // lines that match
	modeNone    mode = "none"
)

// progress is what the file says of how to read it.
type progress struct {
	mode    mode
	pattern *regexp.Regexp
	groups  []string // names of the pattern's groups by number, "" for none
	unit    string
}

// meter reads the progress of one run and keeps its result.
type meter struct {
	progress
	report task.Reporter
	result json.RawMessage
}

// read takes a line of valid UTF-8, and reports whether it was about progress or
// the result alone, so that it is nothing to keep for an error message.
func (m *meter) read(line string) bool {
	switch m.mode {
	case modeJSON:
		return m.readJSON(line)
	case modePattern:
		return m.readPattern(printable(line))
	case modeText:
		if text := strings.TrimSpace(printable(line)); text != "" {
			m.report.Text(text)
		}
	default:
	}
	return false
}

func (m *meter) readJSON(line string) bool {
	var said struct {
		task.Update

		Result json.RawMessage `json:"result"`
	}
	if json.Unmarshal([]byte(line), &said) != nil {
		return false
	}
	if said.Result != nil {
		m.result = said.Result
	}
	if said.Update != (task.Update{}) {
		m.report.Update(said.Update)
	}
	return said.Result != nil || said.Update != (task.Update{})
}

func (m *meter) readPattern(line string) bool {
	match := m.pattern.FindStringSubmatch(line)
	if match == nil {
		return false
	}
	var u task.Update
	for i, name := range m.groups {
		if match[i] != "" && setters[name] != nil {
			setters[name](&u, match[i])
		}
	}
	if m.unit != "" && (u.Done != nil || u.Total != nil) {
		u.Unit = &m.unit
	}
	m.report.Update(u)
	return true
}

// setters are the names that groups of a pattern may have, and what they set.
var setters = map[string]func(u *task.Update, match string){
	"text":    func(u *task.Update, match string) { u.Text = new(strings.TrimSpace(match)) },
	"percent": func(u *task.Update, match string) { u.Value = quantity(match, 100) },
	"done":    func(u *task.Update, match string) { u.Done = quantity(match, 1) },
	"total":   func(u *task.Update, match string) { u.Total = quantity(match, 1) },
}

// byPattern returns the progress that a pattern finds. Without any name, its
// first group is the percentage.
func byPattern(pattern, unit string) (progress, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return progress{}, err
	}
	groups := slices.Clone(re.SubexpNames())
	if len(groups) == 1 {
		return progress{}, errors.New("it has no group; the first one is the percentage, or (?P<name>…) names one")
	}
	if strings.Join(groups, "") == "" {
		groups[1] = "percent"
	}
	for _, name := range groups {
		if name != "" && setters[name] == nil {
			return progress{}, fmt.Errorf("group %q is none of %q", name, slices.Sorted(maps.Keys(setters)))
		}
	}
	return progress{mode: modePattern, pattern: re, groups: groups, unit: unit}, nil
}

// quantity reads 12.5, 1,234,567 or a time such as 01:02:03.5, which is in
// seconds, and returns it in units; nil for anything else.
func quantity(s string, unit float64) *float64 {
	sum := 0.0
	for part := range strings.SplitSeq(strings.ReplaceAll(s, ",", ""), ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return nil
		}
		sum = sum*60 + n
	}
	sum /= unit
	return &sum
}
