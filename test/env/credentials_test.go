package env_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
	"heliograph/test/contract/credentialscontract"
	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

func TestCredentials(t *testing.T) { // the suite needs no running gateway
	runSuite(t, "credentialscontract", func(t *testing.T, e environment) {
		var options []credentialscontract.Option
		if e.required() {
			options = append(options, credentialscontract.NoAnonymous("AUTH=required"))
		}
		credentialscontract.Run(t, func(t *testing.T) (s credentialscontract.Subject) {
			var registry connection.Registry
			var manager connection.Manager
			wire(t, e.config(t, nil), fx.Populate(&s.Credentials, &registry, &manager))
			s.Open = func(t *testing.T, id connection.RequestID, token connection.Token, p *access.Principal) {
				t.Helper()
				if _, err := manager.Connect(access.NewContext(t.Context(), p), id, token, ""); err != nil {
					t.Fatal(err)
				}
			}
			s.End = func(t *testing.T, token connection.Token) {
				t.Helper()
				manager.Disconnect(t.Context(), token, connection.ReasonClientClosed)
			}
			s.Principal = func(t *testing.T, id connection.RequestID) *access.Principal {
				t.Helper()
				c, _ := registry.ByRequestID(t.Context(), id)
				return c.Principal
			}
			return s
		}, options...)
	})
}

const jwtSecret = "a secret of at least thirty-two bytes"

// jwt returns a token of a subject that ends then.
func jwt(t *testing.T, subject string, ends time.Time) string {
	t.Helper()
	return mint(t, &access.Principal{Subject: subject, Expires: ends})
}

// listen opens the stream of ann with a token, from an ID on, and returns its events. They
// end with the stream, or the test.
func listen(t *testing.T, url, token, lastID string) <-chan sseclient.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/sse/stream?request_id=ann", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	transport := &http.Transport{}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan sseclient.Event)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(events)
		for decoder := sseclient.NewDecoder(resp.Body, lastID); ; {
			item, err := decoder.Next()
			if err != nil {
				return
			}
			if item.Kind != sseclient.KindEvent {
				continue
			}
			select {
			case events <- item.Event:
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
		reading.Wait()
		transport.CloseIdleConnections()
	})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the stream is answered with %d", resp.StatusCode)
	}
	return events
}

func TestAClientThatComesBackWithANewCredentialMissesNothing(t *testing.T) { // A17, G2
	everywhere(t, func(t *testing.T, e environment) {
		var publisher event.Publisher
		url := e.guarded(t, &publisher)
		ctx, cancel := context.WithCancel(t.Context())
		var publishing sync.WaitGroup
		defer publishing.Wait()
		defer cancel()
		publishing.Go(func() { publish(ctx, t, publisher) })

		last, lastID, notices, expired := 0, "", 0, false
		for ev := range listen(t, url, jwt(t, "ann", time.Now().Add(5*time.Second)), "") {
			switch ev.Name {
			case "note":
				last, lastID = follow(t, last, ev)
			case stream.NameExpiring:
				notices++
			case stream.NameExpired:
				expired = true
			}
		}
		if notices != 1 || !expired || last == 0 {
			t.Fatalf("after event %d the stream ended with %d notices; expired: %v", last, notices, expired)
		}
		again := listen(t, url, jwt(t, "ann", time.Now().Add(time.Hour)), lastID)
		for until := last + 50; last < until; {
			ev, open := <-again
			if !open || ev.Name == stream.NameReset {
				t.Fatalf("the stream that came back got %+v after event %d", ev, last)
			}
			if ev.Name == "note" {
				last, _ = follow(t, last, ev)
			}
		}
	})
}

func TestRevokedStreamsEndThroughEitherGateway(t *testing.T) { // A18
	everywhere(t, func(t *testing.T, e environment) {
		var revocations access.Revocations
		url := e.guarded(t, &revocations)
		for _, c := range []struct {
			revoke access.Revocation
			last   string // "" is nothing: the client comes back by itself
		}{
			{access.Revocation{RequestID: "ann"}, ""},
			{access.Revocation{Subject: "ann"}, ""},
			{access.Revocation{Subject: "ann", Before: time.Now().Add(time.Minute)}, stream.NameExpired},
		} {
			events := listen(t, url, jwt(t, "ann", time.Now().Add(time.Hour)), "")
			if first := <-events; first.Name != "task_snapshot" {
				t.Fatalf("the stream begins with %+v", first)
			}
			if err := revocations.Revoke(t.Context(), c.revoke); err != nil {
				t.Fatal(err)
			}
			last := ""
			for ev := range events {
				last = ev.Name
			}
			if last != c.last {
				t.Errorf("%+v: the last event is %q, want %q", c.revoke, last, c.last)
			}
		}
	})
}

// guarded runs the service with AUTH=required, puts ports of its graph into targets, and
// returns where its streams are opened.
func (e environment) guarded(t *testing.T, targets ...any) (url string) {
	t.Helper()
	own := map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtSecret, "AUTH_EXPIRY_NOTICE": "1s", "SSE_PING_INTERVAL": "0"}
	var outside *standin.Server
	if e.external() {
		outside = gatewayWithExtensions(t)
		own["SSE_GATEWAY_URL"] = outside.URL()
	}
	app, err := bootstrap.New(t.Context(), e.config(t, own), silent, fx.Populate(targets...))
	if err != nil {
		t.Fatal(err)
	}
	url, _ = start(t, app)
	if outside == nil {
		return url
	}
	outside.SetCallback(url + "/api/sse/callback")
	return outside.URL()
}

// follow checks that ev is the event after last, if there was one, and returns its number and ID.
func follow(t *testing.T, last int, ev sseclient.Event) (now int, id string) {
	t.Helper()
	now, err := strconv.Atoi(ev.Data)
	if err != nil || last != 0 && now != last+1 {
		t.Fatalf("after event %d came %q, %v", last, ev.Data, err)
	}
	return now, ev.ID
}

// publish publishes numbers from 1 on, some hundred a second, until ctx ends.
func publish(ctx context.Context, t *testing.T, publisher event.Publisher) {
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for n := 1; ; n++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		if _, err := publisher.Publish(ctx, event.Event{Service: event.ServiceTask, Name: "note", Data: strconv.AppendInt(nil, int64(n), 10)}); err != nil && ctx.Err() == nil {
			t.Errorf("publish: %v", err)
			return
		}
	}
}

func gatewayWithExtensions(t *testing.T) *standin.Server {
	t.Helper()
	outside := standin.NewServer()
	outside.Announce(standin.Extensions...)
	if err := outside.Back(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outside.Away(); err != nil {
			t.Error(err)
		}
		outside.Wait()
	})
	return outside
}
