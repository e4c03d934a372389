package background

import "sync"

// ForEach calls f with each element of list, at most so many at a time, and returns when
// all calls have returned.
func ForEach[T any](list []T, atOnce int, f func(T)) {
	places := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for _, item := range list {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			f(item)
		})
	}
	running.Wait()
}
