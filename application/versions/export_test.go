package versions

import "context"

// Look is what Serve does when it is time to ask the source: it returns when a new
// version was broadcast, or that has failed. Serve must run.
func (s *Service) Look(ctx context.Context) {
	s.lookups.watch(ctx, 0)
	s.broadcaster.awaitBroadcast(ctx)
}

// AwaitBroadcast returns when Serve has broadcast the source's version, or has tried.
func (s *Service) AwaitBroadcast(ctx context.Context) { s.broadcaster.awaitBroadcast(ctx) }
