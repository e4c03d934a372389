package e2e_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"heliograph/test/jwt"
	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// authSecret is the AUTH_JWT_KEY of these tests.
const authSecret = "a-secret-of-these-tests-with-48-bytes-in-all-1234"

// allScopes are those of a user who may do everything but see the tasks of others.
const allScopes = "stream tasks:read tasks:start tasks:cancel tasks:work versions:announce events:publish audience"

// secured is the environment of a service that asks for JWTs.
func secured(more ...string) []string {
	return append([]string{"AUTH=required", "AUTH_JWT_KEY=" + authSecret, versionless}, more...)
}

// claims are those of a JWT.
type claims map[string]any

// tokenOf returns a JWT of a subject that is signed with authSecret.
func tokenOf(t *testing.T, subject string, more claims) string {
	t.Helper()
	return jwt.SignClaims(t, jose.HS256, []byte(authSecret), nil, jwt.Claims(subject, more))
}

// as returns the service for a client that sends a credential.
func (s *service) as(credential string) *service {
	return s.with("Authorization: Bearer " + credential)
}

// with returns the service for a client that sends these headers and no others.
func (s *service) with(headers ...string) *service {
	client := *s
	client.headers = headers
	return &client
}

// user returns the service for a subject with the default scopes.
func (s *service) user(t *testing.T, subject string) *service {
	t.Helper()
	return s.as(tokenOf(t, subject, nil))
}

// scoped returns the service for a subject with these scopes.
func (s *service) scoped(t *testing.T, subject, scopes string) *service {
	t.Helper()
	return s.as(tokenOf(t, subject, claims{"scope": scopes}))
}

// refused is call for a request that must be refused so.
func (s *service) refused(t *testing.T, status int, code, method, target, body string, headers ...string) answer {
	t.Helper()
	got := s.call(t, method, target, body, headers...)
	if got.status != status || got.code() != code {
		t.Errorf("%s %s: %d %.300s, want %d %s", method, target, got.status, got.body, status, code)
	}
	if status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("A9: %s %s: 401 without WWW-Authenticate", method, target)
	}
	return got
}

// refusedStream opens a stream that must be refused so.
func (s *service) refusedStream(t *testing.T, status int, code, requestID string, more ...string) {
	t.Helper()
	mustRefuse(t, s.newClient(requestID, more...), status, code)
}

// streamCode is the code with which a stream is refused: an external gateway passes the
// status on, and not what the service says.
func (s *service) streamCode(code string) string {
	switch {
	case s.gateway == nil:
		return code
	case code == "REQUEST_ID_TAKEN" || code == "FORBIDDEN" || code == "CROSS_ORIGIN":
		return "BACKEND_FORBIDDEN"
	default:
		return "BACKEND_AUTH_FAILED"
	}
}

func mustRefuse(t *testing.T, c *sseclient.Client, status int, code string) {
	t.Helper()
	st, err := c.Connect(t.Context())
	if err == nil {
		st.Close()
	}
	refusal, ok := errors.AsType[*sseclient.StatusError](err)
	if !ok {
		t.Errorf("a stream that must be refused with %d %s: %v", status, code, err)
		return
	}
	if got := (answer{status: refusal.Status, header: refusal.Header, body: []byte(refusal.Body)}); got.status != status || got.code() != code {
		t.Errorf("the stream was refused with %d %s, want %d %s", got.status, got.body, status, code)
	}
}

// started is the answer to a start.
type started struct {
	TaskID      string `json:"task_id"`
	FollowToken string `json:"follow_token"`
}

// startAs starts a task and returns the answer.
func (s *service) startAnswer(t *testing.T, body string, headers ...string) (got started) {
	t.Helper()
	s.must(t, http.StatusAccepted, "POST", "/api/tasks", body, headers...).into(t, &got)
	return got
}

// nodes are what clients of a service with authentication talk to: twice the same, or two
// nodes of a cluster.
type nodes struct{ first, second *service }

// withEachBroker runs a test with the process's memory, a folder, and two nodes of a
// cluster.
func withEachBroker(t *testing.T, test func(t *testing.T, start func(env ...string) nodes)) {
	t.Helper()
	for name, start := range map[string]func(t *testing.T, env []string) nodes{
		"memory": func(t *testing.T, env []string) nodes {
			t.Helper()
			s := start(t, secured(env...)...)
			return nodes{s, s}
		},
		"folder": func(t *testing.T, env []string) nodes {
			t.Helper()
			s := start(t, secured(append(env, "DATA_DIR="+t.TempDir())...)...)
			return nodes{s, s}
		},
		"cluster": startTwo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(env ...string) nodes { return start(t, env) })
		})
	}
}

// startTwo starts two nodes of a cluster.
func startTwo(t *testing.T, env []string) nodes {
	t.Helper()
	nats := natsserver.Start(t)
	both := make([]*service, 2)
	for i, name := range []string{"n1", "n2"} {
		both[i] = start(t, secured(append(slices.Clone(env), "NATS_URL="+nats.URL(), "NODE_NAME="+name)...)...)
	}
	for _, s := range both {
		eventually(t, "the node is ready", func() bool { return s.call(t, "GET", "/readyz", "").status == http.StatusOK })
	}
	return nodes{both[0], both[1]}
}
