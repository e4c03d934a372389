package versions_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"heliograph/application/versions"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Service with its source, broker, gateway and stores.
type world struct {
	*versions.Service
	source  *source
	pending version.Pending
	board   version.Board
	streams *streams
	logged  *logs.Logs
}

// standard is the configuration that most tests want, with watching off.
var standard = versions.Config{Confirmations: 2, MaxEventBytes: 1 << 10}

// newWorld returns a Service that serves. change may replace any of its parts.
func newWorld(t *testing.T, cfg versions.Config, change ...func(w *world, s *version.Source)) *world {
	t.Helper()
	w := newStillWorld(t, cfg, change...)
	serve(t, w)
	return w
}

// serve starts the Service, whose source has no answer yet, and serves until the
// test ends.
func serve(t *testing.T, w *world) {
	t.Helper()
	w.Start(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// newStillWorld is newWorld before the start.
func newStillWorld(t *testing.T, cfg versions.Config, change ...func(w *world, s *version.Source)) *world {
	t.Helper()
	pending, err := mempending.New(100, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{source: newSource(), pending: pending, board: memboard.New(), streams: newStreams(), logged: &logs.Logs{}}
	var src version.Source = w.source
	for _, c := range change {
		c(w, &src)
	}
	state := versions.NewState()
	w.streams.log = state.Receiver(w.streams)
	w.Service = versions.New(cfg, versions.Deps{
		State: state, Source: src, Pending: w.pending, Board: w.board, Nodes: memnodes.New("one/life"),
		Publisher: w.streams, Sender: w.streams, Log: w.logged.Logger(),
	})
	return w
}

// connect opens a stream, calls Connected for it, and returns the names of the
// versions that the stream has got by then.
func (w *world) connect(t *testing.T, id connection.RequestID, token connection.Token) []string {
	t.Helper()
	w.streams.attach(token)
	if err := w.Connected(t.Context(), connection.Connection{RequestID: id, Token: token}); err != nil {
		t.Fatalf("Connected: %v", err)
	}
	return w.streams.got(token)
}

// poll has the source asked once more and a new version broadcast, as the watcher does.
func (w *world) poll(t *testing.T) {
	t.Helper()
	w.Look(t.Context())
}

// source gives the answer that a test sets. Every answer is a fresh one.
type source struct {
	mu    sync.Mutex
	now   version.Version
	err   error
	asked int
	took  time.Duration
}

// newSource returns a source that has no answer until a test sets one.
func newSource() *source { return &source{err: version.ErrNoSource} }

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

	order sync.Mutex     // held while an event is logged and received, as by a broker
	log   event.Receiver // gets every event that is published
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

// Publish and Send let other goroutines run first, so that a test notices a caller
// that does not hold the lock that it needs.
func (s *streams) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if s.hold != nil {
		<-s.hold
	}
	for range 20 {
		runtime.Gosched()
	}
	s.order.Lock()
	defer s.order.Unlock()
	id, err := s.append(ctx, ev)
	if err == nil {
		s.log.Receive(ctx, event.Record{ID: id, Event: ev})
	}
	return id, err
}

func (s *streams) append(ctx context.Context, ev event.Event) (event.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.publishErr, ctx.Err()); err != nil {
		return event.ID{}, err
	}
	s.published = append(s.published, ev)
	return event.ID{Epoch: "e", Seq: uint64(len(s.published))}, nil
}

// Receive implements event.Receiver: every stream gets the event.
func (s *streams) Receive(_ context.Context, rec event.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.streams {
		s.streams[token] = append(s.streams[token], rec.Event)
	}
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

func (*streams) Resume(context.Context, connection.Connection, string) {}

// SendParts implements gateway.Sender. Versions are events of one part.
func (*streams) SendParts(context.Context, connection.Token, gateway.Parts) error {
	return nil
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
