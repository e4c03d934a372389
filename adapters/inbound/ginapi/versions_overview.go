package ginapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// versionsJSON is the JSON of what a node knows of versions.
type versionsJSON struct {
	Current     *currentJSON   `json:"current"`
	Source      sourceJSON     `json:"source"`
	Candidate   *candidateJSON `json:"candidate"`
	Pending     []pendingJSON  `json:"pending"`
	MorePending bool           `json:"more_pending,omitempty"`
}

// currentJSON is the JSON of the current version.
type currentJSON struct {
	Version string `json:"version"`
	Source  string `json:"source"` // announced, or the source's kind
}

// sourceJSON is the JSON of the version source.
type sourceJSON struct {
	Kind      string     `json:"kind"`
	Watched   bool       `json:"watched_here"`
	CheckedAt *time.Time `json:"checked_at,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// candidateJSON is the JSON of a version that does not count yet.
type candidateJSON struct {
	Version       string `json:"version"`
	Confirmations int    `json:"confirmations"`
	Needed        int    `json:"needed"`
}

// pendingJSON is the JSON of a version that waits for one client.
type pendingJSON struct {
	RequestID connection.RequestID `json:"request_id"`
	Version   string               `json:"version"`
}

// readVersions answers with the current version, where it comes from, and what waits.
func (o *Operators) readVersions(c *gin.Context) (any, error) {
	values, err := parseValues(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	limit, err := parseNumber(values, "limit", defaultEntries, maxEntries)
	if err != nil {
		return nil, err
	}
	known, err := o.deps.Versions.Standing(c.Request.Context(), limit)
	if err != nil {
		return nil, err
	}
	return o.versionsOf(known), nil
}

func (o *Operators) versionsOf(known version.Standing) versionsJSON {
	answer := versionsJSON{
		Source:  sourceJSON{Kind: o.deps.Source, Watched: known.Watches, Error: known.Failure},
		Pending: make([]pendingJSON, len(known.Pending)), MorePending: known.MorePending,
	}
	if !known.Current.IsZero() {
		answer.Current = &currentJSON{Version: known.Current.Name(), Source: o.deps.Source}
		if known.Announced {
			answer.Current.Source = "announced"
		}
	}
	if !known.Asked.IsZero() {
		at := known.Asked.UTC()
		answer.Source.CheckedAt = &at
	}
	if !known.Candidate.IsZero() {
		answer.Candidate = &candidateJSON{Version: known.Candidate.Name(), Confirmations: known.Confirmations, Needed: known.Needed}
	}
	for i, one := range known.Pending {
		answer.Pending[i] = pendingJSON{RequestID: one.RequestID, Version: one.Version.Name()}
	}
	return answer
}
