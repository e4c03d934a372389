// Package noversion implements version.Source for a service that has none: the
// version is what is announced (rule V6).
package noversion

import (
	"context"
	"time"

	"heliograph/domain/version"
)

// Source never says anything.
type Source struct{}

var _ version.Source = Source{}

// New returns a Source.
func New() Source { return Source{} }

// Current implements version.Source. Errors: version.ErrNoSource, always.
func (Source) Current(context.Context, time.Duration) (version.Answer, error) {
	return version.Answer{}, version.ErrNoSource
}
