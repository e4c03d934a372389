package tasks

import (
	"fmt"
	"slices"

	"heliograph/domain/task"
)

// SetTypes makes types what can be started from now on. Attempts that are under way go on
// by the type that they began with; tasks that wait begin by the new one. Of a type that is
// gone none can be started; those that were are run to their end by what it was last, until
// the service is restarted. After an error nothing has changed. Errors: as New's, and that
// a type of workers outside becomes another one or the other way round, for which a restart
// is needed.
func (s *Service) SetTypes(types []task.Type) error {
	sorted, err := sortTypes(types)
	if err != nil {
		return err
	}
	s.typesMu.Lock()
	defer s.typesMu.Unlock()
	for _, typ := range sorted {
		if known := s.queue.Type(typ.Name); known != nil && known.Outside != typ.Outside {
			return fmt.Errorf("task type %q: who runs its tasks, the service or workers elsewhere, changes only with a restart", typ.Name)
		}
	}
	s.cleaner.SetTypes(sorted)
	s.queue.SetTypes(sorted)
	s.types.Store(&sorted)
	return nil
}

// Startable returns the type of that name, if its tasks can be started.
func (s *Service) Startable(name string) (typ task.Type, ok bool) {
	types := *s.types.Load()
	i := slices.IndexFunc(types, func(t task.Type) bool { return t.Name == name })
	if i < 0 {
		return task.Type{}, false
	}
	return types[i], true
}

// Known is Startable also for a type whose tasks could be started before.
func (s *Service) Known(name string) (typ task.Type, ok bool) {
	if known := s.queue.Type(name); known != nil {
		return *known, true
	}
	return task.Type{}, false
}
