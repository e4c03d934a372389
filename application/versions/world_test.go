package versions_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memboard"
	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/mempending"
	"heliograph/application/delivery"
	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Service and all around it.
type world struct {
	*versions.Service
	source  *source
	pending version.Pending
	streams *streams
	logged  *strings.Builder
}

// standard is the configuration that most tests want, with watching off.
var standard = versions.Config{Confirmations: 2, MaxEventBytes: 1 << 10}

// newWorld returns a Service whose parts each may be exchanged by change.
func newWorld(t *testing.T, cfg versions.Config, change ...func(w *world, s *version.Source)) *world {
	t.Helper()
	pending, err := mempending.New(100)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{source: &source{}, pending: pending, streams: newStreams(), logged: &strings.Builder{}}
	var src version.Source = w.source
	for _, c := range change {
		c(w, &src)
	}
	log := slog.New(slog.NewTextHandler(w.logged, nil))
	known := versions.NewKnown()
	dispatcher := delivery.NewDispatcher(w.streams, nil, w.streams, w.streams, log)
	w.Service = versions.New(cfg, known, src, w.pending, memboard.New(), memnodes.New("one/life"), dispatcher, w.streams, log)
	return w
}

// connect opens a stream, tells the service of it, and returns the names of the
// versions that it has got by then.
func (w *world) connect(t *testing.T, id connection.RequestID, token connection.Token) []string {
	t.Helper()
	w.streams.attach(token)
	if err := w.Connected(t.Context(), connection.Connection{RequestID: id, Token: token}); err != nil {
		t.Fatalf("Connected: %v", err)
	}
	return w.streams.got(token)
}

// poll has the source asked once more, and what is news told, as the watcher does.
func (w *world) poll(t *testing.T) {
	t.Helper()
	w.Look(t.Context())
}

// source says what a test tells it to. Every answer is a fresh one.
type source struct {
	mu    sync.Mutex
	now   version.Version
	err   error
	asked int
	took  time.Duration
}

func (s *source) say(v version.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = v, nil
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *source) Current(context.Context, time.Duration) (version.Answer, error) {
	<-time.After(s.took)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.err != nil {
		return version.Answer{}, s.err
	}
	return version.Answer{Version: s.now, At: time.Unix(0, int64(s.asked))}, nil
}

// streams are the broker, the gateway and the browsers of one node: each stream
// keeps what it got, in order.
type streams struct {
	mu         sync.Mutex
	published  []event.Event
	streams    map[connection.Token][]event.Event
	publishErr error
	sendErr    error
	hold       chan struct{} // Publish waits for it, unless nil
}

func newStreams() *streams { return &streams{streams: map[connection.Token][]event.Event{}} }

func (s *streams) attach(token connection.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[token] = nil
}

func (s *streams) events(token connection.Token) []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.streams[token])
}

func (s *streams) got(token connection.Token) []string { return names(s.events(token)) }

func (s *streams) broadcasts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return names(s.published)
}

func (s *streams) breakPublish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publishErr = err
}

// Publish and Send let others run first, so that a caller who holds too little
// is found out.
func (s *streams) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if s.hold != nil {
		<-s.hold
	}
	for range 20 {
		runtime.Gosched()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.publishErr, ctx.Err()); err != nil {
		return event.ID{}, err
	}
	s.published = append(s.published, ev)
	for token := range s.streams {
		s.streams[token] = append(s.streams[token], ev)
	}
	return event.ID{Epoch: "e", Seq: uint64(len(s.published))}, nil
}

func (s *streams) Send(_ context.Context, token connection.Token, ev event.Event) error {
	runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sendErr != nil {
		return s.sendErr
	}
	s.streams[token] = append(s.streams[token], ev)
	return nil
}

func (*streams) Broadcast(context.Context, event.Record) error              { return nil }
func (*streams) Close(context.Context, connection.Token, event.Event) error { return nil }

func (*streams) Resume(context.Context, connection.Token, string) {}
func (*streams) All() iter.Seq[connection.Connection]             { return nil }
// SendParts implements gateway.Sender. Versions are events of one part.
func (*streams) SendParts(context.Context, connection.Token, gateway.Parts) error {
	return nil
}

func (s *streams) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// names returns the "version" of each event.
func names(events []event.Event) []string {
	out := []string{}
	for _, ev := range events {
		var payload struct{ Version string }
		if err := json.Unmarshal(ev.Data, &payload); err != nil {
			payload.Version = err.Error()
		}
		out = append(out, payload.Version)
	}
	return out
}

// parse makes a version of a payload, or of a name.
func parse(t *testing.T, text string) version.Version {
	t.Helper()
	if !strings.HasPrefix(text, "{") {
		text = `{"version":"` + text + `"}`
	}
	v, err := version.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
