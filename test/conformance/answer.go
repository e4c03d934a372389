package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// waitLimit bounds every wait: far more than anything takes on a busy machine.
const waitLimit = 30 * time.Second

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes one request and reads its whole answer. body is sent as JSON, text as
// it is; nil is none.
func (g *gateway) do(t *testing.T, method, url string, body any, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, reader(t, body)) // also in cleanups
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := g.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

func reader(t *testing.T, body any) io.Reader {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return bytes.NewReader([]byte(body))
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(text)
}

func (g *gateway) get(t *testing.T, url string) answer {
	t.Helper()
	return g.do(t, http.MethodGet, url, nil)
}

// internal calls one of the /internal endpoints, with the secret.
func (g *gateway) internal(t *testing.T, method, path string, body any) answer {
	t.Helper()
	if g.Secret == "" {
		return g.do(t, method, g.InternalURL+path, body)
	}
	return g.do(t, method, g.InternalURL+path, body, "X-Internal-Secret", g.Secret)
}

// into decodes the body.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("answer %d %.300q: %v", a.status, a.body, err)
	}
}

// mustBeOK requires a 200 with a body that is this JSON value.
func (a answer) mustBeOK(t *testing.T, body string) {
	t.Helper()
	if a.status != http.StatusOK || !sameJSON(string(a.body), body) {
		t.Errorf("answer %d %.300s, want 200 %s", a.status, a.body, body)
	}
}

// mustRefuse requires an error in the protocol's form.
func (a answer) mustRefuse(t *testing.T, status int, code string) {
	t.Helper()
	message, got, ok := a.refusal()
	if !ok || a.status != status || got != code || message == "" {
		t.Errorf(`answer %d %.300s, want %d {"error":{"message":"…","code":%q}}`, a.status, a.body, status, code)
	}
}

// refusal takes the body of an error apart; ok is whether it has just that form.
func (a answer) refusal() (message, code string, ok bool) {
	var body map[string]map[string]any
	if json.Unmarshal(a.body, &body) != nil || len(body) != 1 {
		return "", "", false
	}
	message, messageOK := body["error"]["message"].(string)
	code, codeOK := body["error"]["code"].(string)
	return message, code, messageOK && codeOK
}

// sameJSON reports whether two texts are the same JSON value.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	one, _ := json.Marshal(x)
	other, _ := json.Marshal(y)
	return bytes.Equal(one, other)
}
