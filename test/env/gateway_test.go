package env_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
	"heliograph/test/contract/connectionmanagercontract"
	"heliograph/test/contract/controlcontract"
	"heliograph/test/contract/sendercontract"
	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

func TestSender(t *testing.T) {
	late := sendercontract.LateUnknownToken("the gateway's 404 comes after the call")
	runSuite(t, "sendercontract", func(t *testing.T, e environment) {
		var options []sendercontract.Option
		if !e.required() {
			options = append(options, sendercontract.AnonymousOnly("AUTH=none"))
		}
		if !e.external() {
			sendercontract.Run(t, func(t *testing.T) sendercontract.Subject {
				w := run(t, e.config(t, nil))
				return w.subject(t, w.url)
			}, options...)
			return
		}
		options = append(options, late)
		t.Run("gateway without extensions", func(t *testing.T) {
			sendercontract.Run(t, func(t *testing.T) sendercontract.Subject { return e.behindStandIn(t) },
				append(options, sendercontract.NoEventIDs("the protocol without extensions has none"))...)
		})
		t.Run("gateway with all extensions", func(t *testing.T) {
			sendercontract.Run(t, func(t *testing.T) sendercontract.Subject { return e.behindStandIn(t, standin.Extensions...) }, options...)
		})
	})
}

// behindStandIn is the service behind a gateway with these extensions.
func (e environment) behindStandIn(t *testing.T, extensions ...string) sendercontract.Subject {
	t.Helper()
	outside := standin.NewServer()
	outside.Announce(extensions...)
	if err := outside.Back(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outside.Away(); err != nil {
			t.Error(err)
		}
		outside.Wait()
	})
	w := run(t, e.config(t, map[string]string{"SSE_GATEWAY_URL": outside.URL()}))
	outside.SetCallback(w.url + "/api/sse/callback")
	return w.subject(t, outside.URL())
}

func TestControlOfANodeThatIsAlone(t *testing.T) {
	in(t, oneNode, func(t *testing.T, e environment) {
		controlcontract.RunAlone(t, func(t *testing.T) (control gateway.Control) {
			e.build(t, nil, &control)
			return control
		})
	})
}

func TestConnectionManager(t *testing.T) { // the suite needs no running gateway
	runSuite(t, "connectionmanagercontract", func(t *testing.T, e environment) {
		connectionmanagercontract.Run(t, func(t *testing.T) (s connectionmanagercontract.Subject) {
			closed := make(chan connection.Token, 64)
			var registry connection.Registry
			watch := fx.Decorate(func(next gateway.Sender) gateway.Sender { return closings{next, closed} })
			wire(t, e.config(t, nil), watch, fx.Populate(&s.Manager, &registry))
			if e.required() {
				s.Principal = &access.Principal{Subject: "somebody", Scopes: access.ScopesOf(access.Stream)}
			}
			s.Closed = closed
			s.Registered = func(id connection.RequestID) (connection.Token, bool) {
				c, err := registry.ByRequestID(t.Context(), id)
				return c.Token, err == nil
			}
			return s
		})
	})
}

// closings is a sender that keeps which tokens it should close, in place of
// closing them.
type closings struct {
	gateway.Sender

	closed chan<- connection.Token
}

func (c closings) Close(_ context.Context, token connection.Token, last event.Event) error {
	if last.Name == stream.NameReplaced {
		c.closed <- token
	}
	return nil
}

// world is a running service, and some of its ports.
type world struct {
	Sender   gateway.Sender
	Streams  diagnosis.Streams
	Registry connection.Registry
	History  event.History
	Access   access.Service

	auth bool // streams need a credential
	url  string
	gone chan connection.Token
	stop func()
}

// run runs the service until t ends, or stop.
func run(t *testing.T, cfg bootstrap.Config) *world {
	t.Helper()
	w := &world{gone: make(chan connection.Token, 64), auth: cfg.Auth.Required()}
	listen := fx.Decorate(func(next gateway.Listener) gateway.Listener { return goneRecorder{next, w.gone} })
	app, err := bootstrap.New(t.Context(), cfg, silent, listen, fx.Populate(&w.Sender, &w.Streams, &w.Registry, &w.History, &w.Access))
	if err != nil {
		t.Fatal(err)
	}
	w.url, w.stop = start(t, app)
	return w
}

// goneRecorder passes on which tokens are gone.
type goneRecorder struct {
	gateway.Listener

	tokens chan<- connection.Token
}

func (h goneRecorder) Gone(ctx context.Context, token connection.Token) {
	h.Listener.Gone(ctx, token)
	h.tokens <- token
}

// subject is the service's sender, with streams as clients open them at url.
func (w *world) subject(t *testing.T, url string) sendercontract.Subject {
	start, err := w.History.Newest(t.Context()) // the sender goes on where the broker is
	if err != nil {
		t.Fatal(err)
	}
	openAs := func(t *testing.T, id connection.RequestID, p *access.Principal) sendercontract.Stream {
		t.Helper()
		client := openStream(t, url+"/api/sse/stream?request_id="+string(id), w.credential(t, p))
		c, err := w.Registry.ByRequestID(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return sendercontract.Stream{Token: c.Token, Frames: client.frames, Stall: func() func() {
			client.gate.Lock()
			return client.gate.Unlock
		}}
	}
	return sendercontract.Subject{
		Sender: w.Sender, Streams: w.Streams, Shut: w.stop, Gone: w.gone, Start: start, OpenAs: openAs,
		Open: func(t *testing.T, id connection.RequestID) sendercontract.Stream {
			t.Helper()
			return openAs(t, id, &access.Principal{Subject: "user of " + string(id)})
		},
	}
}

// credential returns what proves p; "" with AUTH=none, where every stream is anonymous.
func (w *world) credential(t *testing.T, p *access.Principal) string {
	t.Helper()
	switch {
	case !w.auth:
		return ""
	case p.TaskID == "":
		jwt := *p
		jwt.Expires = time.Now().Add(time.Hour)
		return mint(t, &jwt)
	}
	token, err := w.Access.TaskToken(t.Context(), p.TaskID, false)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// client reads one stream. While its gate is locked it takes nothing.
type client struct {
	body   io.ReadCloser
	gate   sync.Mutex
	frames chan sendercontract.Frame
}

// openStream returns when the service has greeted the stream with the only
// event of its own. credential may be "".
func openStream(t *testing.T, url, credential string) *client {
	t.Helper()
	transport := &http.Transport{}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{body: resp.Body, frames: make(chan sendercontract.Frame, sendercontract.MaxFrames)}
	var reading sync.WaitGroup
	reading.Go(c.read)
	t.Cleanup(func() {
		_ = resp.Body.Close()
		reading.Wait()
		transport.CloseIdleConnections()
	})
	if first := <-c.frames; first.Name != "task_snapshot" {
		t.Fatalf("the stream begins with %+v, want the task_snapshot", first)
	}
	return c
}

func (c *client) read() {
	defer close(c.frames)
	decoder := sseclient.NewDecoder(gated{c}, "")
	for {
		item, err := decoder.Next()
		if err != nil {
			return
		}
		if e := item.Event; item.Kind == sseclient.KindEvent {
			c.frames <- sendercontract.Frame{ID: e.ID, Name: e.Name, Data: e.Data}
		}
	}
}

// gated reads the body when the gate is open.
type gated struct{ *client }

func (g gated) Read(p []byte) (int, error) {
	g.gate.Lock()
	g.gate.Unlock() //nolint:staticcheck // only to wait until it is unlocked
	return g.body.Read(p)
}
