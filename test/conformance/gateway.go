package conformance

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// Format is how a gateway writes events to its streams.
type Format string

// The formats; the zero value is FormatNamed.
const (
	FormatNamed    Format = "named"
	FormatEnvelope Format = "envelope"
)

// GatewaySubject is a running gateway, and what the suite must know of it.
type GatewaySubject struct {
	// URL is where clients find it: http://host:port.
	URL string
	// CallbackURL is what it was configured with. The suite listens there while it
	// runs, and no other process may.
	CallbackURL string
	// CallbackAddr is the host:port to listen on when it is another than the URL's.
	CallbackAddr string
	// UnconfiguredURL is where another one without a callback URL is; "" is nowhere.
	UnconfiguredURL string
	// InternalURL is where the /internal endpoints are when INTERNAL_ADDR is set.
	InternalURL string
	// Secret is INTERNAL_SECRET; "" is none.
	Secret string
	Format Format
	// Heartbeat is the configured interval; 0 leaves heartbeats untested.
	Heartbeat time.Duration
	// MaxBody is the limit of a push's body in bytes; 0 leaves it untested.
	MaxBody int
	// Capabilities must be announced. What else is announced is tested, too.
	Capabilities []string
}

// sentence is one of the protocol's, and the proof that a gateway keeps it.
type sentence struct {
	text  string
	prove func(t *testing.T, g *gateway)
	alone bool // every stream would notice it
}

// Gateway runs the suite for gateways. A sentence that the subject cannot be
// asked about is skipped, with the reason.
func Gateway(t *testing.T, subject GatewaySubject) {
	t.Helper()
	g := newGateway(t, subject)
	t.Run("unreachable: 503 BACKEND_UNAVAILABLE", func(t *testing.T) { unreachable(t, g) })
	g.backend = serveCallbacks(t, subject)
	g.capabilities = g.announced(t)
	t.Run("gateway", func(t *testing.T) {
		for _, s := range gatewaySentences() {
			t.Run(s.text, func(t *testing.T) {
				if !s.alone { // these wait until the others are done
					t.Parallel()
				}
				s.prove(t, g)
			})
		}
	})
	// Only when all is over nothing can come too late.
	t.Run("no retries; after an open stream ends, exactly one disconnect callback is sent", func(t *testing.T) {
		g.backend.mustBalance(t)
	})
}

// gatewaySentences lists them in the protocol's order.
func gatewaySentences() []sentence {
	return slices.Concat(callbackSentences, streamSentences, pushSentences, endpointSentences, formatSentences, extensionSentences)
}

// gateway is the subject with the suite's ways to talk to it. It is safe for
// concurrent use.
type gateway struct {
	GatewaySubject

	backend      *backend
	client       *http.Client
	capabilities []string // announced
}

func newGateway(t *testing.T, subject GatewaySubject) *gateway {
	if subject.InternalURL == "" {
		subject.InternalURL = subject.URL
	}
	if subject.Format == "" {
		subject.Format = FormatNamed
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	never := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &gateway{
		GatewaySubject: subject,
		client:         &http.Client{Transport: transport, Timeout: waitLimit, CheckRedirect: never},
	}
}

// separate reports whether the /internal endpoints have a listener of their own.
func (g *gateway) separate() bool { return g.InternalURL != g.URL }

// announced returns the capabilities in the answer of GET /readyz.
func (g *gateway) announced(t *testing.T) []string {
	t.Helper()
	var ready struct{ Capabilities []string }
	g.get(t, g.InternalURL+"/readyz").into(t, &ready)
	return ready.Capabilities
}

// extended reports whether the gateway announces extensions, as ours does.
func (g *gateway) extended() bool { return len(g.capabilities) > 0 }

// ours skips the test of what is an extension, although no capability names it,
// unless the gateway announces extensions.
func (g *gateway) ours(t *testing.T) {
	t.Helper()
	if !g.extended() {
		t.Skip("this is an extension, and the gateway announces none")
	}
}

// needs skips the test unless the gateway announces a capability.
func (g *gateway) needs(t *testing.T, capability string) {
	t.Helper()
	if !slices.Contains(g.capabilities, capability) {
		t.Skipf("the gateway does not announce %q", capability)
	}
}

// unreachable runs while the suite does not listen for callbacks.
func unreachable(t *testing.T, g *gateway) {
	t.Helper()
	g.get(t, g.URL+"/any").mustRefuse(t, http.StatusServiceUnavailable, "BACKEND_UNAVAILABLE")
}
