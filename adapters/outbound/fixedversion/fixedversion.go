// Package fixedversion implements version.Source with a version that never
// changes.
package fixedversion

import (
	"context"
	"time"

	"heliograph/domain/version"
)

// Source says one version for ever. It never fails.
type Source struct {
	version version.Version
}

var _ version.Source = (*Source)(nil)

// New returns a Source of the version that is nothing but its name. Errors:
// version.ErrInvalid if that is empty.
func New(name string) (*Source, error) {
	v, err := version.Named(name)
	if err != nil {
		return nil, err
	}
	return &Source{version: v}, nil
}

// Current implements version.Source. Asking takes no time, so every answer is a
// fresh one.
func (s *Source) Current(context.Context, time.Duration) (version.Answer, error) {
	return version.Answer{Version: s.version, At: time.Now()}, nil
}
