package versions

import "context"

// Look is what Serve does at its beginning: it asks the source and tells the news,
// also those of before.
func (s *Service) Look(ctx context.Context) {
	s.catchUp(ctx)
	s.look(ctx)
	s.Tell(ctx)
}

// Tell is what Serve does when there is news.
func (s *Service) Tell(ctx context.Context) {
	select {
	case <-s.news:
		s.tell(ctx)
	default:
	}
}
