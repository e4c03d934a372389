// Package tasktype is an example of a task type written in Go.
package tasktype

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"heliograph/adapters/outbound/gotasks"
	"heliograph/domain/task"
)

// Type returns the task type: what it is called, what it is for, what it does.
func Type() (task.Type, error) {
	return gotasks.New("checksum", "Hashes a text with SHA-256, again and again", checksum)
}

type params struct {
	Text   string `json:"text" jsonschema:"what to hash"`
	Rounds int    `json:"rounds" default:"1000" minimum:"1"`
}

type result struct {
	SHA256 string `json:"sha256"`
}

// A report costs next to nothing: of those that come faster than they can be
// sent, the newest wins.
func checksum(ctx context.Context, p params, report task.Reporter) (result, error) {
	sum := sha256.Sum256([]byte(p.Text))
	for round := 1; round < p.Rounds; round++ {
		if ctx.Err() != nil {
			return result{}, context.Cause(ctx) // cancelled, or over the time limit
		}
		sum = sha256.Sum256(sum[:])
		report.Report(fmt.Sprintf("round %d of %d", round, p.Rounds), float64(round)/float64(p.Rounds))
	}
	return result{hex.EncodeToString(sum[:])}, nil
}
