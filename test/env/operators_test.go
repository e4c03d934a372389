package env_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"heliograph/domain/access"
	"heliograph/domain/event"
)

// operatorPaths are what those who run the service look at.
var operatorPaths = []string{"/api/log", "/api/health", "/api/settings", "/api/nodes", "/api/queue", "/api/workers"}

// get asks the service for a path, with a token unless that is "".
func get(t *testing.T, service http.Handler, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	req.Host = "localhost"
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, req)
	return answer
}

// getJSON is get for what is granted, read into v.
func getJSON(t *testing.T, service http.Handler, path, token string, v any) {
	t.Helper()
	answer := get(t, service, path, token)
	if answer.Code != http.StatusOK || answer.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%s is answered with %d, %s: %s", path, answer.Code, answer.Header().Get("Cache-Control"), answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), v); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyAdminsSeeWhatOperatorsSee(t *testing.T) { // W8, A8
	in(t, all(), func(t *testing.T, e environment) {
		var service http.Handler
		e.build(t, nil, &service)
		ends := time.Now().Add(time.Hour)
		admin := ""
		if e.required() {
			admin = mint(t, &access.Principal{Subject: "root", Expires: ends, Scopes: access.ScopesOf(access.Admin)})
		}
		user := mint(t, &access.Principal{Subject: "ann", Expires: ends, Scopes: access.AllScopes &^ access.Scopes(access.Admin)})
		for _, path := range operatorPaths {
			var answer map[string]any
			getJSON(t, service, path, admin, &answer)
			if !e.required() {
				continue
			}
			if got := get(t, service, path, ""); got.Code != http.StatusUnauthorized {
				t.Errorf("%s without a credential: %d", path, got.Code)
			}
			if got := get(t, service, path, user); got.Code != http.StatusForbidden {
				t.Errorf("%s without the scope: %d", path, got.Code)
			}
		}
	})
}

func TestTheLogIsReadWithEachBrokerAndGateway(t *testing.T) { // W5, W8
	everywhere(t, func(t *testing.T, e environment) {
		var service http.Handler
		var publisher event.Publisher
		e.build(t, nil, &service, &publisher)
		for _, ev := range []event.Event{
			{Service: event.ServiceApp, Name: "order.changed", Data: []byte(`{"id":1}`)},
			{Service: event.ServiceApp, Name: "order.gone", Data: []byte(`2`), Audience: &access.Audience{Subjects: []string{"ann"}}},
			{Service: event.ServiceApp, Name: "order.changed", Data: []byte(`3`)},
		} {
			if _, err := publisher.Publish(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		var page struct {
			Events []struct {
				EventType string          `json:"event_type"`
				Data      json.RawMessage `json:"data"`
				Audience  json.RawMessage `json:"audience"`
			} `json:"events"`
			Next   string
			LastID string `json:"last_id"`
			Held   struct{ Events int }
		}
		getJSON(t, service, "/api/log?limit=2", "", &page)
		if len(page.Events) != 2 || string(page.Events[1].Audience) != `{"subjects":["ann"]}` || page.Next == "" || page.Held.Events != 3 {
			t.Errorf("the first page is %+v", page)
		}
		getJSON(t, service, "/api/log?type=order.changed&after="+page.Next, "", &page)
		if len(page.Events) != 1 || string(page.Events[0].Data) != "3" {
			t.Errorf("the second page is %+v", page)
		}
		if got := get(t, service, "/api/log?after="+page.LastID+"0", ""); got.Code != http.StatusBadRequest {
			t.Errorf("after a place that the log has not reached: %d", got.Code)
		}
	})
}

func TestSettingsShowNoSecret(t *testing.T) { // W7
	var service http.Handler
	embedded.authenticated().build(t, nil, &service)
	admin := mint(t, &access.Principal{Subject: "root", Expires: time.Now().Add(time.Hour), Scopes: access.ScopesOf(access.Admin)})
	var answer struct {
		Settings []struct{ Name, Value, Origin string }
	}
	getJSON(t, service, "/api/settings", admin, &answer)
	values := map[string]string{}
	for _, s := range answer.Settings {
		values[s.Name] = s.Value + ", " + s.Origin
	}
	if values["AUTH_JWT_KEY"] != "[redacted], environment" || values["AUTH"] != "required, environment" || values["TASK_MAX_WORKERS"] != "4, default" {
		t.Errorf("%q", values)
	}
	if text := get(t, service, "/api/settings", admin).Body.String(); strings.Contains(text, jwtSecret) {
		t.Error(text)
	}
}

func TestEachNodeOfAClusterTellsOfAll(t *testing.T) { // W7, W8
	in(t, withCluster, func(t *testing.T, e environment) {
		shared := e.config(t, nil)
		services := map[string]http.Handler{}
		for _, name := range []string{"one", "two"} {
			cfg := shared
			cfg.NodeName = name
			var service http.Handler
			wire(t, cfg, fx.Populate(&service))
			services[name] = service
		}
		for name, service := range services {
			var nodes struct {
				Nodes []struct {
					Node                       string
					This, Alive, Leader, Ready bool
					Version                    string
				}
				Broker  struct{ Kind string }
				Missing []string
			}
			for deadline := time.Now().Add(time.Minute); len(nodes.Nodes) < 2 && time.Now().Before(deadline); { // the first learns of the second a moment later
				getJSON(t, service, "/api/nodes", "", &nodes)
			}
			if len(nodes.Nodes) != 2 || nodes.Broker.Kind != "nats" || len(nodes.Missing) > 0 {
				t.Fatalf("%s tells of %+v", name, nodes)
			}
			for i, want := range []string{"one", "two"} {
				if n := nodes.Nodes[i]; n.Node != want || n.This != (want == name) || !n.Alive || n.Leader != (want == "one") || !n.Ready || n.Version == "" {
					t.Errorf("%s tells of %+v", name, n)
				}
			}
			var queue struct {
				Workers int
				ByNode  []struct{ Node string } `json:"by_node"`
			}
			getJSON(t, service, "/api/queue", "", &queue)
			if queue.Workers != 8 || len(queue.ByNode) != 2 {
				t.Errorf("the queue is %+v", queue)
			}
			getJSON(t, service, "/api/queue?node=two", "", &queue)
			if queue.Workers != 4 || len(queue.ByNode) != 1 || queue.ByNode[0].Node != "two" {
				t.Errorf("the queue of two is %+v", queue)
			}
		}
	})
}
