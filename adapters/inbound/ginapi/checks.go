package ginapi

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Check is what one check of readiness has found.
type Check struct {
	Name string
	Err  error // nil: nothing is wrong
	// Since is when it began to be as it is, right or wrong, as far as this process has seen.
	Since time.Time
}

// Setting is one variable of the configuration as it is in force.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`  // secrets are masked
	Origin string `json:"origin"` // default or environment
}

// checkedHealth is the JSON of the checks of this node.
type checkedHealth struct {
	Ready     bool      `json:"ready"`
	Checks    []check   `json:"checks"`
	Node      string    `json:"node"`
	Version   string    `json:"version"`
	Revision  string    `json:"revision,omitempty"`
	StartedAt time.Time `json:"started_at"`
}

type check struct {
	Name  string    `json:"name"`
	OK    bool      `json:"ok"`
	Since time.Time `json:"since"`
	Error string    `json:"error,omitempty"`
}

// readHealth answers with what /readyz says, and since when that is so.
func (o *Operators) readHealth(c *gin.Context) (any, error) {
	self := o.deps.Self
	answer := checkedHealth{
		Ready: true, Checks: []check{}, Node: self.Node, Version: self.Version, Revision: self.Revision, StartedAt: self.Started.UTC(),
	}
	for _, found := range o.deps.Checks(c.Request.Context()) {
		shown := check{Name: found.Name, OK: found.Err == nil, Since: found.Since.UTC()}
		if found.Err != nil {
			shown.Error = found.Err.Error()
			answer.Ready = false
		}
		answer.Checks = append(answer.Checks, shown)
	}
	return answer, nil
}

func (o *Operators) readSettings(*gin.Context) (any, error) {
	return map[string][]Setting{"settings": o.deps.Settings()}, nil
}
