package noversion_test

import (
	"errors"
	"testing"
	"time"

	"heliograph/adapters/outbound/noversion"
	"heliograph/domain/version"
)

func TestThereIsNoVersion(t *testing.T) { // V6
	t.Parallel()
	answer, err := noversion.New().Current(t.Context(), time.Hour)
	if !errors.Is(err, version.ErrNoSource) || !errors.Is(err, version.ErrUnavailable) || !answer.Version.IsZero() {
		t.Errorf("Current: %q, %v, want %v", answer.Version.Name(), err, version.ErrNoSource)
	}
}
