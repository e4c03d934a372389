package guard

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Versions is a version.Service for principals. It is safe for concurrent use.
type Versions struct {
	versions version.Service
	policy   access.Policy
}

var _ version.Service = (*Versions)(nil)

// NewVersions returns a guard of versions.
func NewVersions(versions version.Service, policy access.Policy) *Versions {
	return &Versions{versions: versions, policy: policy}
}

// Announce implements version.Service: it needs versions:announce.
func (g *Versions) Announce(ctx context.Context, id connection.RequestID, v version.Version) error {
	if _, err := permitAll(ctx, g.policy, access.VersionsSend, access.TaskKind{}); err != nil {
		return err
	}
	return g.versions.Announce(ctx, id, v)
}

// Current implements version.Service. Versions are for everyone (rule A16), so it needs
// a principal and no scope.
func (g *Versions) Current(ctx context.Context) (version.Version, error) {
	if access.FromContext(ctx) == nil {
		return version.Version{}, access.ErrNoCredential
	}
	return g.versions.Current(ctx)
}
