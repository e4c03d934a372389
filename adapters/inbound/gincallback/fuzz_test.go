package gincallback_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/gincallback"
	"heliograph/domain/connection"
)

// believer is a manager that accepts what it gets, if it can be true.
type believer struct {
	connection.Manager // of which two methods are needed

	t     *testing.T
	calls []string
}

func (b *believer) Connect(_ context.Context, id connection.RequestID, token connection.Token, _ string) (connection.Opening, error) {
	if _, err := connection.ParseRequestID(string(id)); err != nil {
		b.t.Errorf("Connect: %v", err)
	}
	b.believe("connect", token)
	return &believed{manager: b, token: token}, nil
}

// believed is the opening of a connection.
type believed struct {
	connection.Opening // of which one method is needed

	manager *believer
	token   connection.Token
}

func (o *believed) Opened() { o.manager.believe("opened", o.token) }

func (b *believer) Disconnect(_ context.Context, token connection.Token, _ connection.Reason) {
	b.believe("disconnect", token)
}

func (b *believer) believe(call string, token connection.Token) {
	if token == "" || len(token) > 256 {
		b.t.Errorf("%s: token %q", call, token)
	}
	b.calls = append(b.calls, call)
}

func FuzzCallback(f *testing.F) { // S3
	for _, seed := range []string{
		connect, disconnect, `{}`, `null`, `{"action":"connect","token":"t","request":{"url":"?request_id=%61"}}`,
		`{"action":"disconnect","token":"t","reason":null}`, `{"action":"x","token":"t"}`, `[{"a`, "\"\xff\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		manager := &believer{t: t}
		w := httptest.NewRecorder()
		newHandler(gincallback.Config{}, manager, io.Discard).
			ServeHTTP(w, httptest.NewRequest(http.MethodPost, paths.Callback, strings.NewReader(body)))
		calls := strings.Join(manager.calls, " ")
		switch w.Code {
		case http.StatusOK:
			if calls != "connect opened" && calls != "disconnect" {
				t.Errorf("%q was accepted with the calls %q", body, calls)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if calls != "" || !strings.Contains(w.Body.String(), `"message"`) {
				t.Errorf("%q was refused with %s after the calls %q", body, w.Body, calls)
			}
		default:
			t.Errorf("%q was answered with %d %s", body, w.Code, w.Body)
		}
	})
}
