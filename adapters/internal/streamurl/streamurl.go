// Package streamurl reads what clients say in the URL of their stream.
package streamurl

import (
	"fmt"
	"net/url"
	"strings"

	"heliograph/domain/connection"
)

// RequestID returns the request_id of a URL's raw query. Whatever else is there
// does not matter, and neither does a repetition of the same value. The result
// does not hold on to query. Errors: connection.ErrInvalidRequestID.
func RequestID(query string) (connection.RequestID, error) {
	found, seen := "", false
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err != nil || name != "request_id" {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return "", fmt.Errorf("%w: its percent-encoding is broken", connection.ErrInvalidRequestID)
		}
		if seen && value != found {
			return "", fmt.Errorf("%w: there are several", connection.ErrInvalidRequestID)
		}
		found, seen = value, true
	}
	return connection.ParseRequestID(strings.Clone(found))
}

// LastEventID returns where a client left off, of the values of its header
// Last-Event-ID and its URL's raw query; "" if it does not say. The header comes
// from a browser that reconnects by itself, so it is newer than the query of the
// page's URL. The result does not hold on to its arguments.
func LastEventID(header []string, query string) string {
	for _, id := range header {
		if id != "" {
			return strings.Clone(id)
		}
	}
	values, _ := url.ParseQuery(query) // what is broken is left out
	return strings.Clone(values.Get("last_event_id"))
}
