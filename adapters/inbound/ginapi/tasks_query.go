package ginapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// maxIDs is how many tasks a request may name (rule T17).
const maxIDs = 100

// parseList reads the list's parameters; one that is empty counts as left out.
func parseList(raw string) (q task.Query, in included, err error) {
	values, err := parseValues(raw)
	if err != nil {
		return task.Query{}, in, err
	}
	if in, err = parseIncluded(values["include"], "result", "params", "counts"); err != nil {
		return task.Query{}, in, err
	}
	q, err = parseQuery(values)
	return q, in, err
}

// included is what a caller asks for beside what an answer has always.
type included struct{ result, params, counts, resultSchema bool }

// parseIncluded reads the values of include, each of which may be several that are divided
// by commas; any that are not known are refused.
func parseIncluded(values []string, known ...string) (in included, err error) {
	for name := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if name != "" && !slices.Contains(known, name) {
			return in, invalidQuery("include must be " + strings.Join(known, " or ") + ", or several of them divided by commas")
		}
		in.result = in.result || name == "result"
		in.params = in.params || name == "params"
		in.counts = in.counts || name == "counts"
		in.resultSchema = in.resultSchema || name == "result_schema"
	}
	return in, nil
}

// of returns the JSON of t, with its params if they are asked for.
func (in included) of(t task.Task) taskjson.Task {
	if in.params {
		return taskjson.WithParams(t)
	}
	return taskjson.Of(t)
}

func parseValues(raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalidQuery("the query string is malformed")
	}
	return values, nil
}

func parseQuery(values url.Values) (q task.Query, err error) {
	if q, err = parseFilters(values); err != nil {
		return task.Query{}, err
	}
	q.Cursor = values.Get("cursor")
	if q.Limit, err = parseNumber(values, "limit", defaultLimit, maxLimit); err != nil {
		return task.Query{}, err
	}
	if len(q.IDs) > 0 && q.Cursor != "" {
		return task.Query{}, invalidQuery("with ids there is one page, which no cursor asks for")
	}
	return q, nil
}

// parseFilters reads what a list and a cancellation select by.
func parseFilters(values url.Values) (q task.Query, err error) {
	q = task.Query{Status: task.Status(values.Get("status")), Type: values.Get("type")}
	if q.Status != "" && !q.Status.Valid() {
		return task.Query{}, invalidQuery(fmt.Sprintf("status must be one of %q", task.Statuses()))
	}
	if q.Labels, err = labelFilter(values["label"]); err != nil {
		return task.Query{}, err
	}
	q.IDs, err = parseIDs(strings.Join(values["ids"], ","))
	return q, err
}

// parseIDs reads IDs that are divided by commas.
func parseIDs(list string) (ids []task.ID, err error) {
	if list == "" {
		return nil, nil
	}
	if n := strings.Count(list, ",") + 1; n > maxIDs {
		return nil, invalidQuery(fmt.Sprintf("there are %d ids, at most %d are allowed", n, maxIDs))
	}
	for given := range strings.SplitSeq(list, ",") {
		id, ok := parseID(given)
		if !ok {
			return nil, invalidQuery(fmt.Sprintf("ids: %.40q is not a UUID", given))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// parseCancelAll reads the parameters of a cancellation. Any that it does not know is
// refused: who misspells one must not cancel more than was meant.
func parseCancelAll(raw string) (q task.Query, err error) {
	values, err := parseValues(raw)
	if err != nil {
		return task.Query{}, err
	}
	if q, err = parseFilters(values); err != nil {
		return task.Query{}, err
	}
	if !q.Filters() {
		return task.Query{}, task.ErrNoFilter
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains([]string{"status", "type", "label", "ids"}, name) {
			return task.Query{}, invalidQuery(fmt.Sprintf("tasks are cancelled by status, type, label and ids, and not by %.40q", name))
		}
	}
	return q, nil
}

func invalidQuery(message string) error {
	return &ginjson.Error{Status: http.StatusBadRequest, Code: "INVALID_QUERY", Message: message}
}
