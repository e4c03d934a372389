package ginapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"heliograph/domain/task"
)

// parseLabels returns the labels of a start, which the service checks; nothing and null
// are none. Errors: task.ErrInvalidLabels.
func parseLabels(given json.RawMessage) (task.Labels, error) {
	if len(given) == 0 || string(given) == "null" {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(given, &fields); err != nil {
		return nil, fmt.Errorf("%w: they must be an object", task.ErrInvalidLabels)
	}
	labels := make(task.Labels, len(fields))
	for key, field := range fields {
		var value *string
		if err := json.Unmarshal(field, &value); err != nil || value == nil {
			return nil, fmt.Errorf("%w: the value of %.*q must be a string", task.ErrInvalidLabels, task.MaxLabelKey+1, key)
		}
		labels[key] = *value
	}
	return labels, nil
}

// labelFilter returns the label=key:value parameters of a list; a key has no colon. Empty
// ones count as left out.
func labelFilter(values []string) (labels []task.Label, err error) {
	for _, given := range values {
		if given == "" {
			continue
		}
		key, value, found := strings.Cut(given, ":")
		label := task.Label{Key: key, Value: value}
		if !found {
			return nil, invalidQuery(fmt.Sprintf("label %.*q must be key:value", task.MaxLabelKey+1, given))
		}
		if err := label.Check(); err != nil {
			return nil, invalidQuery(err.Error())
		}
		labels = append(labels, label)
	}
	if len(labels) > task.MaxLabels {
		return nil, invalidQuery(fmt.Sprintf("there are %d labels, and no task has more than %d", len(labels), task.MaxLabels))
	}
	return labels, nil
}
