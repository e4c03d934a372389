package natsbroker

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// manifestFile, in the data folder, says what each stream held. It is the only one
	// that knows of a stream whose own folder is missing: the server takes what it
	// finds, and is silent about most of what it does not.
	manifestFile = "streams.json"
	// manifestTime is for what the streams hold to be found out at the end.
	manifestTime = 2 * time.Second
)

// manifest is what the streams in the data folder held when it was last written. It
// is safe for concurrent use; the zero value keeps nothing.
type manifest struct {
	mu    sync.Mutex
	path  string           // "" keeps nothing
	found map[string]entry // of the earlier process; guarded by mu
	now   map[string]entry // guarded by mu
}

// entry is what a stream held.
type entry struct {
	Made     time.Time `json:"made"`
	Messages uint64    `json:"messages"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Oldest   time.Time `json:"oldest"` // when its first message was written
	// Markers is how many of the messages say that a key was deleted, at most. They go
	// by themselves.
	Markers uint64    `json:"markers"`
	At      time.Time `json:"at"`
	// Closed says that nothing was written after it.
	Closed bool `json:"closed"`
}

// openManifest reads the manifest of a folder. One that cannot be read is none.
func openManifest(dir string) *manifest {
	m := &manifest{path: filepath.Join(dir, manifestFile), now: make(map[string]entry)}
	text, err := os.ReadFile(m.path)
	if err != nil || json.Unmarshal(text, &m.found) != nil {
		m.found = nil
	}
	return m
}

// note keeps what a stream holds.
func (m *manifest) note(info *jetstream.StreamInfo, markers uint64, closed bool) {
	if m.path == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now[info.Config.Name] = entry{
		Made: info.Created, Messages: info.State.Msgs, First: info.State.FirstSeq, Last: info.State.LastSeq, Oldest: info.State.FirstTime,
		Markers: markers, At: time.Now().UTC(), Closed: closed,
	}
}

// forget has a stream be missing for a reason.
func (m *manifest) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.found, name)
}

// save writes the manifest. What is not saved, on a full disk, is not known at the
// next start.
func (m *manifest) save() error {
	if m.path == "" {
		return nil
	}
	m.mu.Lock()
	text, err := json.Marshal(m.now)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(m.path+".new", m.path)
}

// logLosses logs, once, what a stream that is opened has lost since the manifest was
// written, as far as that can be known.
func (m *manifest) logLosses(ctx context.Context, log *slog.Logger, info *jetstream.StreamInfo) {
	if m.path == "" {
		return
	}
	m.mu.Lock()
	was, known := m.found[info.Config.Name]
	delete(m.found, info.Config.Name)
	m.mu.Unlock()
	if !known {
		return
	}
	attrs := []any{slog.String("stream", info.Config.Name), slog.Uint64("held", was.Messages), slog.Time("as_of", was.At)}
	if !was.Made.Equal(info.Created) {
		log.WarnContext(ctx, "stream was missing in the data folder and was made anew, what it held is lost", attrs...)
		return
	}
	if lost := was.lost(info); lost > 0 {
		attrs = append(attrs, slog.Uint64("lost", lost), slog.Uint64("holds", info.State.Msgs))
		log.WarnContext(ctx, "stream in the data folder is damaged, it lacks messages that it held", attrs...)
	}
}

// lost is how many messages are missing, at least.
func (e entry) lost(info *jetstream.StreamInfo) uint64 {
	if !e.Closed { // what was removed since is not known, but sequences never go back
		return less(e.Last, info.State.LastSeq)
	}
	expected := less(e.Messages, e.Markers)
	if age := info.Config.MaxAge; age > 0 && time.Since(e.Oldest) >= age {
		expected = less(expected, less(info.State.FirstSeq, e.First))
	}
	return less(expected, info.State.Msgs)
}

// less is a − b, or 0.
func less(a, b uint64) uint64 { return a - min(a, b) }

// markers counts, by stream, the messages that say that a key was deleted and have
// not gone yet. It is safe for concurrent use; the zero value has none.
type markers struct {
	mu            sync.Mutex
	begun         time.Time         // of the newer count; guarded by mu, as all below
	newer, before map[string]uint64 // each for markerTTL
}

func (m *markers) add(stream string, n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); m.newer == nil || now.Sub(m.begun) > markerTTL {
		m.newer, m.before, m.begun = make(map[string]uint64), m.newer, now
	}
	m.newer[stream] += n
}

// of is the number, or somewhat more.
func (m *markers) of(stream string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newer[stream] + m.before[stream]
}
