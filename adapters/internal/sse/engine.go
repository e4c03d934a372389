package sse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// What Attach may say beside gateway.ErrClosed.
var (
	// ErrTooManyStreams: Config.MaxStreams is reached.
	ErrTooManyStreams = errors.New("too many streams are open")
	// ErrDraining: streams are being sent away; send this one away likewise, with
	// Engine.RetryFrame.
	ErrDraining = errors.New("the service is shutting down")
)

// Config is what an Engine needs to know. Only Start and HistoryBytes have no
// useful zero value.
type Config struct {
	// Start is the place in the log after which the engine begins: that of the
	// broker. Its epoch is that of all events.
	Start event.ID
	// HistoryBytes bounds the log's memory (rule G4).
	HistoryBytes int
	// PrivateBytes bounds what waits for one stream outside the log; 0 is 256 KiB
	// (rule G4).
	PrivateBytes int
	// MaxStreams bounds the number of streams; 0 is no bound.
	MaxStreams int
	// Heartbeat is how long the log may be silent until a comment is sent; 0 is
	// for ever (rule G5).
	Heartbeat time.Duration
	// StallTimeout is how long a stream may take nothing while there is something
	// for it; 0 is 30 s.
	StallTimeout time.Duration
	// DrainSpread is the span over which clients come back after a drain (rule G8).
	DrainSpread time.Duration
	// Format is FormatNamed if empty.
	Format Format
	// Shards is the number of goroutines that write adopted streams; 0 is one per
	// processor, a negative number none: then no stream can be adopted.
	Shards int
}

const (
	// defaultPrivateBytes is rule G4's.
	defaultPrivateBytes = 256 << 10
	// defaultStallTimeout is two heartbeats of the default interval: who misses
	// both is gone or as good as gone, and can come back and resume.
	defaultStallTimeout = 30 * time.Second
)

// Engine is the embedded gateway: the log and the streams that read it. It is
// safe for concurrent use.
type Engine struct {
	cfg     Config
	metrics gateway.Metrics
	ledger  ledger
	log     *log

	newKernel func(stall time.Duration) (kernel, error)
	endings   endings                       // of adopted streams
	bodies    bodies                        // of private events
	round     atomic.Pointer[chan struct{}] // closed when there is something new
	appended  chan struct{}                 // tells Serve to end the round
	portable  atomic.Int32                  // streams served by a goroutine

	mu       sync.Mutex
	shards   []*shard                     // while Serve runs; guarded by mu
	next     int                          // the shard to adopt next; guarded by mu
	streams  map[connection.Token]*Stream // guarded by mu
	last     time.Time                    // when something was appended; guarded by mu
	draining bool                         // guarded by mu
	closed   bool                         // guarded by mu
	drained  chan struct{}                // closed when draining and no stream is left

	counters
}

// New returns an engine without streams. It starts nothing.
func New(cfg Config, metrics gateway.Metrics) *Engine {
	return newEngine(cfg, metrics, newKernel)
}

func newEngine(cfg Config, metrics gateway.Metrics, newKernel func(stall time.Duration) (kernel, error)) *Engine {
	cfg.PrivateBytes = cmp.Or(cfg.PrivateBytes, defaultPrivateBytes)
	cfg.StallTimeout = cmp.Or(cfg.StallTimeout, defaultStallTimeout)
	cfg.Format = cmp.Or(cfg.Format, FormatNamed)
	cfg.Shards = cmp.Or(cfg.Shards, runtime.GOMAXPROCS(0))
	e := &Engine{
		cfg: cfg, metrics: metrics, newKernel: newKernel, ledger: ledger{metrics: metrics}, log: newLog(cfg.Start, cfg.HistoryBytes),
		endings: endings{signal: make(chan struct{}, 1)}, appended: make(chan struct{}, 1), drained: make(chan struct{}),
		streams: make(map[connection.Token]*Stream), last: time.Now(),
	}
	e.round.Store(new(make(chan struct{})))
	return e
}

// Serve writes adopted streams, wakes the others, sends heartbeats and finds
// slow consumers until ctx ends; then it ends every stream and takes nothing
// more. It returns nil once nothing runs any more.
func (e *Engine) Serve(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, sh := range e.makeShards() {
		parts.Go(func() { sh.serve(ctx) })
	}
	parts.Go(func() { e.endings.serve(ctx) })
	e.serve(ctx)
	e.close()
	parts.Wait()
	e.endings.flush()
	return nil
}

// makeShards makes none where the system has no kernel for them.
func (e *Engine) makeShards() []*shard {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range e.cfg.Shards {
		if k, err := e.newKernel(e.cfg.StallTimeout); err == nil {
			e.shards = append(e.shards, newShard(e, k))
		}
	}
	return e.shards
}

// Adopts reports whether streams can be adopted now.
func (e *Engine) Adopts() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.shards) > 0 && !e.closed
}

// nextShard returns the shard for a new stream, or nil.
func (e *Engine) nextShard() *shard {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.shards) == 0 {
		return nil
	}
	e.next = (e.next + 1) % len(e.shards)
	return e.shards[e.next]
}

func (e *Engine) serve(ctx context.Context) {
	beat := time.NewTimer(e.untilHeartbeat())
	defer beat.Stop()
	var tail uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			e.heartbeat()
			beat.Reset(e.untilHeartbeat())
		case <-e.appended:
			if e.portable.Load() == 0 {
				continue
			}
			close(*e.round.Swap(new(make(chan struct{}))))
			if now := e.log.tail().off; now != tail {
				tail = now
				e.endSlow(tail)
			}
		}
	}
}

// never is a heartbeat interval that does not come.
const never = 100 * 365 * 24 * time.Hour

func (e *Engine) untilHeartbeat() time.Duration {
	if e.cfg.Heartbeat == 0 {
		return never
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Until(e.last.Add(e.cfg.Heartbeat))
}

// heartbeat appends a comment if the log has been silent for the interval.
func (e *Engine) heartbeat() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.last) >= e.cfg.Heartbeat {
		e.log.appendControl([]byte(heartbeat))
		e.appendedLocked()
	}
}

func (e *Engine) appendedLocked() {
	e.last = time.Now()
	for _, sh := range e.shards {
		sh.nudge()
	}
	select {
	case e.appended <- struct{}{}:
	default: // Serve has not seen the one before yet
	}
}

// endSlow ends the streams whose place has fallen out of the log: one slow
// consumer must not hold memory, and it can come back.
func (e *Engine) endSlow(tail uint64) {
	for _, s := range e.snapshot() {
		if s.offset.Load() < tail {
			s.end(errSlowLog)
		}
	}
}

func (e *Engine) snapshot() []*Stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*Stream, 0, len(e.streams))
	for _, s := range e.streams {
		all = append(all, s)
	}
	return all
}

// Attach adds a stream at the place where lastEventID left off, or at the log's
// end if that is "". From then on it takes events (rule G9). The caller must
// Serve or Detach it. Errors: ErrTooManyStreams, ErrDraining,
// gateway.ErrClosed.
func (e *Engine) Attach(token connection.Token, lastEventID string) (*Stream, error) {
	s := &Stream{engine: e, token: token}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, gateway.ErrClosed
	case e.draining:
		return nil, ErrDraining
	case e.cfg.MaxStreams > 0 && len(e.streams) >= e.cfg.MaxStreams:
		return nil, ErrTooManyStreams
	}
	head := e.log.head()
	at, reset := e.locateLocked(lastEventID)
	s.at, s.joined = at, head.events()
	s.offset.Store(at.off)
	if prelude := e.prelude(at, reset); prelude != nil {
		s.queue = &queue{private: []private{{at: at, body: prelude}}, bytes: len(prelude)}
	}
	e.streams[token] = s
	e.countAttach(head.events()-at.events(), reset)
	return s, nil
}

// prelude is what a stream begins with; mostly nothing.
func (e *Engine) prelude(at mark, reset ResetReason) []byte {
	var b []byte
	if e.cfg.Format == FormatEnvelope {
		b = append(b, readyFrame...)
	}
	if reset != "" {
		b = appendReset(b, e.id(at), reset)
	}
	return b
}

// locateLocked finds where a client goes on (rules G2, G3).
func (e *Engine) locateLocked(lastEventID string) (mark, ResetReason) {
	head := e.log.head()
	if lastEventID == "" {
		return head, ""
	}
	id, err := event.ParseID(lastEventID)
	switch {
	case err != nil:
		return head, ResetInvalid
	case id.Epoch != e.log.epoch:
		return head, ResetEpoch
	case id.Seq > head.seq:
		return head, ResetInvalid
	}
	at, err := e.log.after(id.Seq)
	if err != nil {
		return head, ResetExpired
	}
	return at, ""
}

// id is the event ID of a place in the log.
func (e *Engine) id(m mark) event.ID { return event.ID{Epoch: e.log.epoch, Seq: m.seq} }

// detach removes a stream, and accounts for what it did not get.
func (e *Engine) detach(s *Stream, why error) {
	e.mu.Lock()
	if e.streams[s.token] != s {
		e.mu.Unlock()
		return
	}
	delete(e.streams, s.token)
	head := e.log.head()
	if e.draining && len(e.streams) == 0 {
		close(e.drained)
	}
	e.mu.Unlock()

	e.ledger.done(max(s.at.events(), s.joined), head.events(), 1)
	if e.countEnd(why) {
		s.countLost(head)
	}
}

// countLost counts what a slow consumer had not got as errors (rule M1).
func (s *Stream) countLost(head mark) {
	lost := map[event.Service]int{}
	for i, service := range event.Services {
		lost[service] = int(head.sent[i] - s.at.sent[i]) //nolint:gosec // bounded by what one stream can lag behind
	}
	for _, p := range s.undelivered() {
		lost[p.service]++
	}
	for _, service := range event.Services {
		if lost[service] > 0 {
			s.engine.metrics.Sent(service, 0, lost[service])
		}
	}
}

// Broadcast appends a log event for every stream; with a zero ID, a control
// event. Errors: event.ErrInvalid, gateway.ErrClosed.
func (e *Engine) Broadcast(rec event.Record) error {
	if err := rec.Event.Validate(); err != nil {
		return err
	}
	if rec.ID.IsZero() {
		return e.broadcastControl(rec.Event)
	}
	service := slices.Index(event.Services[:], rec.Event.Service)
	if service < 0 {
		return fmt.Errorf("%w: log event %q belongs to no service", event.ErrInvalid, rec.Event.Name)
	}
	streams, err := e.appendEvent(rec, service)
	if err != nil {
		return err
	}
	if streams == 0 {
		e.ledger.settle()
		return nil
	}
	e.metrics.Sent(rec.Event.Service, streams, 0)
	return nil
}

func (e *Engine) appendEvent(rec event.Record, service int) (streams int, err error) {
	size := frameSize(rec.Event)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, gateway.ErrClosed
	}
	e.ledger.begin(e.log.head().events()+1, rec.Event.Service, time.Now(), len(e.streams))
	e.log.appendEvent(rec.ID.Seq, service, size, func(b []byte) []byte {
		return e.cfg.Format.appendEvent(appendID(b, rec.ID), rec.Event)
	})
	e.appendedLocked()
	return len(e.streams), nil
}

func (e *Engine) broadcastControl(ev event.Event) error {
	frame := e.cfg.Format.appendEvent(nil, ev)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return gateway.ErrClosed
	}
	e.log.appendControl(frame)
	e.appendedLocked()
	return nil
}

// Send queues a private event for one stream; unless it is a control event it
// carries the ID of the last log event before it (rule G2). Errors:
// event.ErrInvalid, gateway.ErrUnknownToken, gateway.ErrStreamFull,
// gateway.ErrClosed.
func (e *Engine) Send(token connection.Token, ev event.Event) error {
	body, err := e.bodies.of(e.cfg.Format, ev)
	if err != nil {
		return err
	}
	err = e.push(token, func(at mark) private {
		p := private{body: body, service: ev.Service}
		if !ev.Control() {
			p.id = appendID(nil, e.id(at))
		}
		return p
	})
	if ev.Control() {
		return err
	}
	if err != nil {
		e.metrics.Sent(ev.Service, 0, 1)
		return err
	}
	e.metrics.Sent(ev.Service, 1, 0)
	return nil
}

// Close ends one stream after it was sent last, a control event. Errors: as
// Send.
func (e *Engine) Close(token connection.Token, last event.Event) error {
	body, err := e.bodies.of(e.cfg.Format, last)
	if err != nil {
		return err
	}
	return e.push(token, func(mark) private { return private{body: body, final: true} })
}

// push queues what build makes of the stream's next place in the log.
func (e *Engine) push(token connection.Token, build func(at mark) private) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return gateway.ErrClosed
	}
	s, ok := e.streams[token]
	if !ok {
		return gateway.ErrUnknownToken
	}
	at := e.log.head()
	p := build(at)
	p.at, p.begun = at, time.Now()
	return s.push(p)
}

// Drain sends every stream away: what is in the log now reaches it, then a
// retry of its own, spread over Config.DrainSpread, and the end (rule G8). New
// streams are refused from then on. It returns when no stream is left, or when
// ctx ends, with its error; the rest are ended then without ceremony.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	if !e.draining {
		e.draining = true
		if len(e.streams) == 0 {
			close(e.drained)
		}
	}
	e.mu.Unlock()
	for _, s := range e.snapshot() {
		frame := e.RetryFrame()
		_ = e.push(s.token, func(mark) private { return private{body: frame, final: true} }) // it may have ended by itself
	}
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
		e.endAll()
		return fmt.Errorf("drain streams: %w", context.Cause(ctx))
	}
}

// RetryFrame asks a client to come back after a time of its own.
func (e *Engine) RetryFrame() []byte {
	// Nobody comes back in the first tenth, while the old process may still be ending.
	soonest := e.cfg.DrainSpread / 10
	return appendRetry(nil, soonest+rand.N(e.cfg.DrainSpread-soonest+1)) //nolint:gosec // a load spread is no secret
}

// close takes nothing more and ends every stream.
func (e *Engine) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.endAll()
}

func (e *Engine) endAll() {
	for _, s := range e.snapshot() {
		s.end(errShutdown)
	}
}
