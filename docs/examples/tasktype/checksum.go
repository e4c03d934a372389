// Package tasktype is an example of a task type written in Go.
package tasktype

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"heliograph/domain/task"
)

// Checksum implements task.Handler: it hashes a text so often that it takes a
// while. It has no state, so it is safe for concurrent use.
type Checksum struct{}

var _ task.Handler = Checksum{}

type checksumParams struct {
	Text   string `json:"text"`
	Rounds int    `json:"rounds"`
}

// Type returns what the service needs to know of the task type.
func (c Checksum) Type() task.Type {
	return task.Type{
		Name:        "checksum",
		Description: "Hashes a text with SHA-256, again and again",
		ParamsSchema: json.RawMessage(`{"type":"object","required":["text","rounds"],"properties":{` +
			`"text":{"type":"string"},"rounds":{"type":"integer","minimum":1}}}`),
		Handler: c,
	}
}

// Check implements task.Handler.
func (Checksum) Check(params json.RawMessage) error {
	_, err := parseChecksum(params)
	return err
}

// Run implements task.Handler. A report costs next to nothing: of those that
// come faster than they can be sent, the newest wins.
func (Checksum) Run(ctx context.Context, params json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	p, err := parseChecksum(params)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(p.Text))
	for round := 1; round < p.Rounds; round++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx) // cancelled, or over the time limit
		}
		sum = sha256.Sum256(sum[:])
		report.Report(fmt.Sprintf("round %d of %d", round, p.Rounds), float64(round)/float64(p.Rounds))
	}
	return json.Marshal(map[string]string{"sha256": hex.EncodeToString(sum[:])})
}

func parseChecksum(params json.RawMessage) (checksumParams, error) {
	var p checksumParams
	if err := json.Unmarshal(params, &p); err != nil {
		return p, fmt.Errorf("%w: want {\"text\": string, \"rounds\": integer}", task.ErrInvalidParams)
	}
	if p.Rounds < 1 {
		return p, fmt.Errorf("%w: rounds must be at least 1", task.ErrInvalidParams)
	}
	return p, nil
}
