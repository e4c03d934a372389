package outputs

import (
	"sync"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

// feeds tell those that wait for the output of a task that there may be more. There is one
// feed for each task that anybody waits for: what nobody waits for costs a look-up when
// its task ends. It is safe for concurrent use. Locks are taken in this order: feeds,
// output.Store's, feed; and task.Store's before feeds.
type feeds struct {
	store   output.Store
	unwatch func() // ends the watching of tasks

	mu  sync.Mutex
	all map[task.ID]*feed // guarded by mu
}

func (f *feeds) init(store output.Store, tasks Tasks) {
	f.store, f.all = store, map[task.ID]*feed{}
	f.unwatch = tasks.Watch(func(t task.Task) {
		if t.Status.Terminal() {
			f.tell(t.ID)
		}
	})
}

func (f *feeds) tell(id task.ID) {
	f.mu.Lock()
	feed := f.all[id]
	f.mu.Unlock()
	if feed != nil {
		feed.tell()
	}
}

// open returns the feed of a task, which close gives back.
func (f *feeds) open(id task.ID) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := f.all[id]
	if there == nil {
		there = &feed{changed: make(chan struct{}), listeners: map[int]func(){}}
		there.stop = f.store.Watch(id, there.tell)
		f.all[id] = there
	}
	there.users++
	return there
}

func (f *feeds) close(id task.ID, feed *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if feed.users--; feed.users == 0 {
		feed.stop()
		delete(f.all, id)
	}
}

// feed is one task's.
type feed struct {
	users int // guarded by feeds.mu
	stop  func()

	mu        sync.Mutex
	changed   chan struct{}  // closed at the next news; guarded by mu
	listeners map[int]func() // guarded by mu
	last      int            // the name of the newest listener; guarded by mu
}

// news returns a channel that is closed when there is news after the call.
func (f *feed) news() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *feed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
	for _, listener := range f.listeners {
		listener()
	}
}

func (f *feed) listen(news func()) (name int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.listeners[f.last] = news
	return f.last
}

func (f *feed) unlisten(name int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, name)
}
