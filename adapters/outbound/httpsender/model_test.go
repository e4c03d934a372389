package httpsender_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections"
	"heliograph/application/connections/credentials"
	"heliograph/application/relay"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	words "heliograph/domain/stream"
	"heliograph/test/sseclient"
)

// modelSeed is the environment variable that repeats one run of the model.
const modelSeed = "HTTPSENDER_MODEL_SEED"

// The real sender and the real gateway role, with a network between them that
// delays requests and answers, also beyond every time limit, and loses them;
// clients that leave and come back; both programs restarted. Whatever the order
// of all that, each client gets every log event once and in order, or is told
// that it missed some, and only then.
func TestLateAnswersRepeatNothingAndReorderNothing(t *testing.T) { // E7, G2, G3, G6
	runModels(t, false)
}

// The same where most events are for the streams of one subject, and clients prove
// theirs: each gets what is for it, of that each event once and in order, and nothing else.
func TestLateAnswersShowNobodyWhatIsForOthers(t *testing.T) { // A12, A13, E7, G2
	runModels(t, true)
}

func runModels(t *testing.T, audiences bool) {
	t.Helper()
	rounds := uint64(4)
	first := rand.Uint64()
	if text := os.Getenv(modelSeed); text != "" { //nolint:forbidigo // of this test, not of the product
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", modelSeed, err)
		}
		first, rounds = seed, 1
	}
	for i := range rounds {
		seed := first + i
		ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, seed, audiences).run() })
		})
		if !ok {
			t.Fatalf("%s=%d repeats this run", modelSeed, seed)
		}
	}
}

const (
	modelClients = 4
	modelSteps   = 400
	// modelPause is how long the model is left alone at its end: longer than
	// everything that either side waits for.
	modelPause = 2 * time.Minute
)

// model is a service and its gateway in one bubble of fake time.
type model struct {
	t       *testing.T
	network *network // to the gateway

	mu      sync.Mutex
	random  *rand.Rand // guarded by mu
	calm    bool       // no faults any more; guarded by mu
	life    int        // of the service; guarded by mu
	service *service   // nil while it is away; guarded by mu

	history *history
	gateway *gatewayProcess
	clients []*modelClient

	audiences bool                     // events may be for one subject only, and the service is not restarted
	events    map[event.ID]event.Event // all that there were
}

func newModel(t *testing.T, seed uint64, audiences bool) *model {
	return &model{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), network: newNetwork(), audiences: audiences, events: map[event.ID]event.Event{},
	}
}

// subjects are those of the clients, in turn.
var subjects = []string{"ann", "bob"}

// viewer is what client number i may see.
func (m *model) viewer(i int) (v access.Viewer) {
	if m.audiences {
		v.Subject = subjects[i%len(subjects)]
	}
	return v
}

func (m *model) run() {
	m.startService(true)
	m.startGateway()
	ctx, cancel := context.WithCancel(m.t.Context())
	var living sync.WaitGroup
	for i := range modelClients {
		m.clients = append(m.clients, &modelClient{model: m, id: fmt.Sprint("c", i), viewer: m.viewer(i)})
	}
	for _, c := range m.clients { // only now: callbacks look for theirs among all
		living.Go(func() { c.live(ctx) })
	}
	for step := range modelSteps {
		ev := note(step)
		if n := m.intN(2 * len(subjects)); m.audiences && n <= len(subjects) {
			ev = forSubject(append(subjects, "somebody else")[n], step)
		}
		m.broadcast(ev)
		switch n := m.intN(1000); {
		case n < 8:
			m.restartGateway()
		case n < 12 && !m.audiences: // whose a stream is nobody else knows
			m.stopService()
			pass(m.duration(3 * time.Second))
			m.startService(n < 10)
		case n < 30:
			m.clients[m.intN(len(m.clients))].leave()
		}
		pass(m.duration(300 * time.Millisecond))
	}
	m.mu.Lock()
	m.calm = true
	m.mu.Unlock()
	pass(modelPause)
	m.broadcast(note(modelSteps))
	pass(modelPause)
	for _, c := range m.clients {
		c.check(m)
	}
	cancel()
	living.Wait()
	m.stopService()
	m.gateway.stop()
	_ = m.network.Close()
	synctest.Wait()
}

func (m *model) intN(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(n)
}

func (m *model) duration(limit time.Duration) time.Duration {
	return time.Duration(m.intN(int(limit)))
}

func (m *model) broadcast(ev event.Event) {
	m.mu.Lock()
	s := m.service
	m.mu.Unlock()
	rec := m.history.append(ev)
	m.events[rec.ID] = ev
	if err := s.sender.Broadcast(m.t.Context(), rec); err != nil {
		m.t.Errorf("broadcast: %v", err)
	}
}

// service is one life of the service: sender, registry and connection manager.
type service struct {
	sender  *httpsender.Sender
	manager *connections.Manager
	begin   event.ID // where the log was
	stop    func()
}

// startService starts one, whose log begins anew or goes on.
func (m *model) startService(anew bool) {
	registry := memregistry.New()
	if anew {
		m.history = newHistory()
		m.history.epoch = fmt.Sprint("life", m.lives())
	}
	begin, _ := m.history.Newest(m.t.Context())
	sender, err := httpsender.New(httpsender.Config{URL: "http://gateway", Dial: m.network.dial, Start: begin}, registry, newMetrics(), m.log())
	if err != nil {
		m.t.Fatal(err)
	}
	s := &service{sender: sender, begin: begin, manager: connections.New(connections.Config{Node: "n", Credentials: credentials.Config{Required: m.audiences}}, connections.Deps{
		Registry: registry, Sender: sender, Control: memcontrol.New(), Metrics: discardConnections{}, Log: slog.New(slog.DiscardHandler),
	})}
	s.manager.Observe("snapshot", connection.ObserverFunc(func(ctx context.Context, c connection.Connection) error {
		return sender.Send(ctx, c.Token, event.Event{Service: event.ServiceTask, Name: "snapshot", Data: []byte(`"s"`)})
	}))
	ctx, cancel := context.WithCancel(context.Background())
	served, history := make(chan error, 1), m.history
	go func() { served <- sender.Serve(ctx, s.manager, history) }()
	s.stop = func() {
		cancel()
		if err := <-served; err != nil {
			m.t.Errorf("Serve: %v", err)
		}
		_ = s.manager.Stop(context.Background())
	}
	for _, c := range m.clients {
		c.note(sseclient.Event{Name: restarted, Data: begin.String()})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life++
	m.service = s
}

// restarted is in a client's record where the service was started anew, with the
// place from which it goes on.
const restarted = "(restart)"

// accepted is in a client's record where the service takes a stream that brought no ID,
// with the place where the service's log began. What an earlier run of the service had
// sent to the stream before, and the gateway kept, comes after it and counts for nothing:
// the client has no state yet, and is given that of this run.
const accepted = "(accepted)"

func (m *model) stopService() {
	m.mu.Lock()
	s := m.service
	m.service = nil
	m.life++
	m.mu.Unlock()
	s.stop()
}

type discardConnections struct{}

func (discardConnections) Connected()    {}
func (discardConnections) Disconnected() {}

// gatewayProcess is one life of the gateway.
type gatewayProcess struct {
	model   *model
	inner   http.Handler
	stopped chan struct{}
	server  *http.Server
	stop    func()
}

func (m *model) startGateway() {
	engine := sse.New(sse.Config{
		Start: event.ID{Epoch: "unused"}, HistoryBytes: 1 << 20, Shards: -1, Heartbeat: 15 * time.Second,
	}, newMetrics())
	ctx, cancel := context.WithCancel(context.Background())
	g := &gatewayProcess{model: m, stopped: make(chan struct{})}
	r := relay.New(relay.Config{}, &callbacks{g}, slog.New(slog.DiscardHandler))
	g.inner = gatewayrole.New(gatewayrole.Config{Configured: true}, engine, r, slog.New(slog.DiscardHandler)).Handler()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = engine.Serve(ctx)
	}()
	g.server = &http.Server{Handler: g, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = g.server.Serve(modelListener{m.network, make(chan struct{})}) }()
	g.stop = func() {
		close(g.stopped)
		m.network.setDown(true)
		_ = g.server.Close()
		cancel()
		<-served
		ended, done := context.WithCancel(context.Background())
		done()
		_ = r.Close(ended)
	}
	m.network.setDown(false)
	m.gateway = g
}

func (m *model) restartGateway() {
	m.gateway.stop()
	pass(m.duration(2 * time.Second))
	m.startGateway()
}

// modelListener is one server's on a network that outlives it.
type modelListener struct {
	*network

	closed chan struct{}
}

// Accept implements net.Listener.
func (l modelListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l modelListener) Close() error {
	close(l.closed)
	return nil
}

// ServeHTTP delays requests before they take effect and their answers
// afterwards, and loses some answers.
func (g *gatewayProcess) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/internal/") {
		g.inner.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	life := g.model.lives()
	if !g.hold(g.model.delay()) || g.model.lives() != life {
		panic(http.ErrAbortHandler) // the process that asked or this one is dead
	}
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := &held{header: http.Header{}, status: http.StatusOK}
	g.inner.ServeHTTP(answer, r)
	if !g.hold(g.model.delay()) || g.model.loses() {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes())
}

// hold waits, and reports whether the process still runs. For no time there is no timer: one
// that is due at once can crash the race detector (go1.26) where its processor has run none.
func (g *gatewayProcess) hold(d time.Duration) bool {
	if d == 0 {
		select {
		case <-g.stopped:
			return false
		default:
			return true
		}
	}
	select {
	case <-time.After(d):
		return true
	case <-g.stopped:
		return false
	}
}

// lives is how often the service was started and stopped. What a dead one asked
// for takes no effect in the model: its successor has another epoch, or tells
// every stream to begin anew.
func (m *model) lives() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life
}

// delay is mostly none, and now and then shorter, about as long, or longer than
// the time limits of both sides.
func (m *model) delay() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calm {
		return 0
	}
	switch n := m.random.IntN(100); {
	case n < 80:
		return 0
	case n < 92:
		return time.Duration(m.random.IntN(int(time.Second)))
	case n < 96:
		return 3*time.Second + time.Duration(m.random.IntN(int(2*time.Second)))
	}
	return 5*time.Second + time.Duration(m.random.IntN(int(3*time.Second)))
}

func (m *model) loses() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.calm && m.random.IntN(100) < 2
}

// held is an answer that is not written yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// callbacks is the gateway's way to the service, with delays of its own.
type callbacks struct{ gateway *gatewayProcess }

// Connect implements gateway.Backend.
func (c *callbacks) Connect(ctx context.Context, token connection.Token, r gateway.Request) (accepted gateway.Acceptance, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m := c.gateway.model
	answers := make(chan callbackAnswer, 1)
	go func() { answers <- c.answer(ctx, token, r) }()
	select {
	case answer := <-answers:
		if answer.err == nil && (!c.gateway.hold(m.delay()) || m.lives() != answer.life) {
			return accepted, gateway.ErrBackendUnreachable
		}
		if ctx.Err() != nil {
			return accepted, gateway.ErrBackendTimeout
		}
		return accepted, answer.err
	case <-ctx.Done():
		return accepted, gateway.ErrBackendTimeout
	case <-c.gateway.stopped:
		return accepted, gateway.ErrBackendUnreachable
	}
}

// callbackAnswer is what the service answers, while the model has as many lives. If it dies
// before the answer has arrived, there is none.
type callbackAnswer struct {
	life int
	err  error
}

// answer is the service's side of connect.
func (c *callbacks) answer(ctx context.Context, token connection.Token, r gateway.Request) callbackAnswer {
	m := c.gateway.model
	if !c.gateway.hold(m.delay()) {
		return callbackAnswer{err: gateway.ErrBackendUnreachable}
	}
	m.mu.Lock()
	s, life := m.service, m.life
	m.mu.Unlock()
	if s == nil {
		return callbackAnswer{err: gateway.ErrBackendUnreachable}
	}
	return callbackAnswer{life, c.connect(ctx, s, token, r)}
}

// connect is what the callback's handler does.
func (c *callbacks) connect(ctx context.Context, s *service, token connection.Token, r gateway.Request) error {
	m := c.gateway.model
	if m.audiences && ctx.Err() != nil {
		return ctx.Err() // or it would take the place of a stream that came later, and that would miss its events
	}
	s.sender.Heard()
	_, id, _ := strings.Cut(r.Target, "request_id=")
	last := ""
	if _, after, found := strings.Cut(string(r.Headers), `"last-event-id":"`); found {
		last, _, _ = strings.Cut(after, `"`)
	}
	i, _ := strconv.Atoi(strings.TrimPrefix(id, "c"))
	if m.audiences {
		ctx = access.NewContext(ctx, &access.Principal{Subject: m.viewer(i).Subject})
	}
	opening, err := s.manager.Connect(ctx, connection.RequestID(id), token, last)
	if err != nil {
		return &gateway.RejectedError{Status: http.StatusServiceUnavailable}
	}
	if last == "" {
		m.clients[i].begin()
		m.clients[i].note(sseclient.Event{Name: accepted, Data: s.begin.String()})
	}
	if s.sender.Incomplete(token) {
		err = gateway.ErrComeBack
	}
	opening.Opened()
	return err
}

// Disconnect implements gateway.Backend.
func (c *callbacks) Disconnect(ctx context.Context, token connection.Token, _ gateway.Request, reason connection.Reason) error {
	m := c.gateway.model
	if !c.gateway.hold(m.delay()) {
		return gateway.ErrBackendUnreachable
	}
	m.mu.Lock()
	s := m.service
	m.mu.Unlock()
	if s == nil {
		return gateway.ErrBackendUnreachable
	}
	s.manager.Disconnect(ctx, token, reason)
	return nil
}

// modelClient is a browser, and what it got.
type modelClient struct {
	model  *model
	id     string
	viewer access.Viewer

	mu     sync.Mutex
	cancel context.CancelFunc // ends the stream; guarded by mu
	lastID string             // guarded by mu
	begun  event.ID           // of what was for some only up to here it was promised nothing; guarded by mu
	got    []sseclient.Event  // guarded by mu
}

// live goes on until ctx ends.
func (c *modelClient) live(ctx context.Context) {
	for ctx.Err() == nil {
		c.connect(ctx)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (c *modelClient) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// begin says that a stream that brought no ID is registered: from then on it gets what is
// for it, and the state after that.
func (c *modelClient) begin() {
	newest, _ := c.model.history.Newest(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = newest
}

// connect reads one stream to its end.
func (c *modelClient) connect(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	lastID := c.lastID
	c.mu.Unlock()
	transport := &http.Transport{DialContext: c.model.network.dial, DisableCompression: true}
	defer transport.CloseIdleConnections()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway/any?request_id="+c.id, nil)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return
	}
	c.note(sseclient.Event{Name: "opened", ID: lastID})
	for d := sseclient.NewDecoder(answer.Body, lastID); ; {
		item, err := d.Next()
		if err != nil {
			return
		}
		if item.Kind == sseclient.KindEvent {
			c.note(item.Event)
		}
	}
}

func (c *modelClient) note(e sseclient.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Name == words.NameReset {
		e.Name = "reset" + e.Data + time.Now().Format("04:05.000")
	}
	c.got = append(c.got, e)
	if e.ID != "" {
		c.lastID = e.ID
	}
}

// check holds what the client got against the log.
func (c *modelClient) check(m *model) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var at, life, begun event.ID
	told := true // of the service's last restart
	missed := 0  // where that began
	due := false // a reset for what the service had not sent at its end
	seen := map[event.ID]bool{}
	for i, e := range c.got {
		if e.Name == restarted {
			told = false
			life, _ = event.ParseID(e.Data)
		}
		switch {
		case e.Name == accepted:
			begun, _ = event.ParseID(e.Data)
		case e.Name == "opened" && e.ID != "":
			begun = event.ID{}
		}
		id, err := event.ParseID(e.ID)
		if e.Name == "opened" || err != nil || before(id, begun) {
			continue
		}
		problem := ""
		switch {
		case strings.HasPrefix(e.Name, "reset"):
			due, told = false, told || id.Epoch == life.Epoch && id.Seq >= life.Seq
			if id == at && strings.Contains(e.Name, "expired") {
				problem = "a reset though nothing was missed"
			}
		case at.Epoch == id.Epoch && id.Seq < at.Seq:
			problem = "an ID that went back"
		case e.Name == "note" && !m.events[id].Audience.Includes(c.viewer):
			problem = "an event that is not for it"
		case e.Name == "note" && seen[id]:
			problem = "an event twice"
		case e.Name == "note" && !told: // the reset may be late, but it must come
			if !due && !at.IsZero() && (at.Epoch != id.Epoch || c.lacks(at, id)) {
				due, missed = true, i
			}
		case e.Name == "note" && at.Epoch == id.Epoch && c.lacks(at, id):
			problem = "a gap without a reset"
		case e.Name == "note" && !at.IsZero() && at.Epoch != id.Epoch:
			problem = "another epoch without a reset"
		}
		if problem != "" {
			m.t.Errorf("client %s got %s: %s", c.id, problem, around(c.got, i))
			return
		}
		at = id
		if e.Name == "note" {
			seen[id] = true
		}
	}
	if due {
		m.t.Errorf("client %s was never told what it missed: %s", c.id, around(c.got, missed))
	}
	if newest, _ := m.history.Newest(m.t.Context()); at != newest {
		m.t.Errorf("client %s is at %v, the log at %v: %s", c.id, at, newest, around(c.got, len(c.got)-1))
	}
}

// before reports whether a place was in the log before a run of the service began at
// another.
func before(id, begun event.ID) bool {
	number := func(epoch string) (n int) {
		n, _ = strconv.Atoi(strings.TrimPrefix(epoch, "life"))
		return n
	}
	return number(id.Epoch) < number(begun.Epoch) || id.Epoch == begun.Epoch && id.Seq < begun.Seq
}

// lacks reports whether there are events for c between two places.
func (c *modelClient) lacks(at, next event.ID) bool {
	for seq := at.Seq + 1; seq < next.Seq; seq++ {
		ev := c.model.events[event.ID{Epoch: at.Epoch, Seq: seq}]
		if ev.Audience.Includes(c.viewer) && (ev.Audience == nil || at.Epoch != c.begun.Epoch || seq > c.begun.Seq) {
			return true
		}
	}
	return false
}

// around tells what came before and after the i-th event.
func around(all []sseclient.Event, i int) string {
	var b strings.Builder
	for j, e := range slices.All(all) {
		if j > i-12 && j < i+4 {
			mark := ""
			if j == i {
				mark = ">>"
			}
			fmt.Fprintf(&b, "%s%s:%s ", mark, strings.TrimPrefix(e.ID, "life"), e.Name)
		}
	}
	return b.String()
}

// log is what the sender logs, in a run that is repeated.
func (m *model) log() *slog.Logger {
	if os.Getenv(modelSeed) == "" { //nolint:forbidigo // of this test, not of the product
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(m.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
