package ginapi_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/domain/stream"
	"heliograph/domain/task"
	"heliograph/domain/version"
	"heliograph/test/apidescription"
)

func TestRoutesAndDescriptionAgree(t *testing.T) {
	parameter := regexp.MustCompile(`:(\w+)`)
	var routes []string
	for _, r := range newService(t, ginapi.Config{}).engine.Routes() {
		routes = append(routes, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
	}
	var described []string
	for op := range ours(t) {
		described = append(described, op)
	}
	slices.Sort(routes)
	slices.Sort(described)
	if diff := cmp.Diff(described, routes); diff != "" {
		t.Errorf("described (-) and registered (+) differ:\n%s", diff)
	}
}

// ours returns the described operations but those of other packages, by
// method and path.
func ours(t *testing.T) map[string]*openapi3.Operation {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	ops := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !slices.Contains(op.Tags, "streams") && !slices.Contains(op.Tags, "client") {
				ops[method+" "+path] = op
			}
		}
	}
	return ops
}

// outcomes returns what is described of the operations: each status, and for an
// error each of its codes.
func outcomes(ops map[string]*openapi3.Operation) []string {
	found := map[string]bool{}
	for name, op := range ops {
		for status, response := range op.Responses.Map() {
			if status == "default" {
				continue // any operation's panic; see TestPanicIs500
			}
			media := response.Value.Content.Get("application/json")
			if !isError(status) || media == nil || len(media.Examples) == 0 {
				found[name+" "+status] = true
				continue
			}
			for code := range media.Examples {
				found[name+" "+status+" "+code] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func isError(status string) bool { return status >= "400" }

func TestEveryDescribedOutcomeHappens(t *testing.T) {
	got := map[string]bool{}
	for _, tc := range slices.Concat(conversations, outputConversations, followConversations, connectionConversations, operatorConversations) {
		t.Run(tc.outcome, func(t *testing.T) {
			s := newService(t, ginapi.Config{Testing: !strings.HasSuffix(tc.outcome, "ROUTE_NOT_AVAILABLE")})
			if tc.given != nil {
				tc.given(s)
			}
			method, rest, _ := strings.Cut(tc.outcome, " ")
			pattern, _, _ := strings.Cut(rest, " ")
			target := strings.NewReplacer("{id}", knownID, "{subject}", "user-2", "{request_id}", tc.connection()).Replace(pattern) + tc.query
			a := s.ask(t, method, target, tc.body, tc.header...)
			outcome := strings.TrimSpace(method + " " + pattern + " " + strconv.Itoa(a.status) + " " + a.code())
			if outcome != tc.outcome {
				t.Errorf("got %s: %s", outcome, a.body)
			}
			got[outcome] = true
		})
	}
	for _, want := range outcomes(ours(t)) {
		if !got[want] {
			t.Errorf("openapi.yaml describes what no test produces: %s", want)
		}
	}
}

func TestDescriptionHasTheBuildVersion(t *testing.T) {
	for _, tc := range []struct{ version, want string }{
		{"", "version: 0.0.0-dev\n"},
		{`1.4.2 "beta"`, `version: "1.4.2 \"beta\""` + "\n"},
	} {
		a := newService(t, ginapi.Config{Version: tc.version}).ask(t, http.MethodGet, "/api/openapi.yaml", "")
		if a.status != http.StatusOK || !strings.Contains(a.body, tc.want) {
			t.Errorf("with version %q: %d, without %q", tc.version, a.status, tc.want)
		}
		if doc, err := openapi3.NewLoader().LoadFromData([]byte(a.body)); err != nil || doc.OpenAPI != "3.2.0" {
			t.Errorf("with version %q it cannot be read: %v", tc.version, err)
		}
	}
}

func TestDescriptionHasEveryEvent(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		task.EventName, task.SnapshotName, output.EventName, version.EventName,
		stream.NameReplaced, stream.NameReset, stream.NameRejected, stream.NamePing,
	} {
		if doc.Components.Schemas[name] == nil {
			t.Errorf("no schema for event %s", name)
		}
	}
}

// The one description says of every event which one it is, and what its data is.
func TestTheStreamIsDescribedEventByEvent(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	answer := doc.Paths.Find(paths.Stream).Get.Responses.Status(http.StatusOK).Value
	if item := answer.Content.Get("text/event-stream").ItemSchema; item == nil || !strings.HasSuffix(item.Ref, "/"+apidescription.StreamEvent) {
		t.Fatalf("the items of the stream are %+v", item)
	}
	known := []string{
		task.EventName, task.SnapshotName, "task_output", version.EventName,
		stream.NameReset, stream.NameReplaced, stream.NamePing, stream.NameExpiring, stream.NameExpired,
	}
	for _, name := range known {
		if schema, err := apidescription.DataSchema(doc, name); err != nil || schema != name {
			t.Errorf("the data of %s is %q, %v", name, schema, err)
		}
	}
	if got := apidescription.Mapping(doc, apidescription.StreamEvent); len(got) != len(known) {
		t.Errorf("there are %v", got)
	}
	types := []task.EventType{
		task.EventQueued, task.EventStarted, task.EventProgress, task.EventCancelRequested, task.EventRetrying,
		task.EventCompleted, task.EventFailed, task.EventCancelled, task.EventRemoved,
	}
	described := apidescription.Mapping(doc, task.EventName)
	for _, typ := range types {
		schema := doc.Components.Schemas[described[string(typ)]]
		if schema == nil || schema.Value.Properties["event_type"].Value.Const != string(typ) {
			t.Errorf("%s is described as %+v", typ, schema)
		}
	}
	if len(described) != len(types) {
		t.Errorf("described are %v", described)
	}
}

func TestAnEventIsHeldAgainstItsDescription(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		event apidescription.Event
		valid bool
	}{
		{apidescription.Event{Name: "ping", Data: `{"timestamp":"2026-01-02T03:04:05Z","interval":15}`}, true},
		{apidescription.Event{Name: "ping", Data: `{"timestamp":"2026-01-02T03:04:05Z"}`}, false},
		{apidescription.Event{ID: "7k2m3n4p5q6r7s2t-41", Name: "version", Data: `{"version":"1"}`}, true},
		{apidescription.Event{ID: "no id", Name: "version", Data: `{"version":"1"}`}, false},
		{apidescription.Event{Name: "version", Data: `{"version":`}, false},
		{apidescription.Event{Name: "orders.changed", Data: `[1]`}, true}, // E11
		{apidescription.Event{Name: "Orders", Data: `[1]`}, false},
		{apidescription.Event{Name: "ready", Data: `{}`}, false},
	} {
		if err := apidescription.CheckEvent(doc, c.event); (err == nil) != c.valid {
			t.Errorf("%+v: %v", c.event, err)
		}
	}
}

func TestDescribedEventsMatchTheDomain(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range taskEvents {
		ev, err := tc.event.ToEvent()
		if err != nil {
			t.Fatal(err)
		}
		if err := visit(doc, ev.Name, string(ev.Data)); (err == nil) != tc.valid {
			t.Errorf("%s: valid is %t, but: %v", ev.Data, tc.valid, err)
		}
	}
	running := task.Task{ID: knownID, Type: "demo_task", Status: task.Running, Seq: 1, Attempt: 1}
	snapshot := task.Snapshot{Tasks: []task.SnapshotTask{running.InSnapshot()}, More: true}
	conformSchema(t, doc, task.SnapshotName, encode(t, snapshot))
}

func TestDescribedRequestIDMatchesTheDomain(t *testing.T) { // C2
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"abc123", "A.z_~-9", strings.Repeat("x", 128), "", "task:abc", strings.Repeat("x", 129), "a b", "ä"} {
		_, parseErr := connection.ParseRequestID(id)
		if visitErr := visit(doc, "RequestID", strconv.Quote(id)); (parseErr == nil) != (visitErr == nil) {
			t.Errorf("%q: domain says %v, openapi.yaml says %v", id, parseErr, visitErr)
		}
	}
}

func TestDescribedLimitsMatchTheCode(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	var states []any
	for _, s := range task.Statuses() {
		states = append(states, string(s))
	}
	if diff := cmp.Diff(states, doc.Components.Schemas["TaskState"].Value.Enum); diff != "" {
		t.Errorf("the states (-domain +openapi.yaml):\n%s", diff)
	}
	key := doc.Paths.Value("/api/tasks").Post.Parameters.GetByInAndName("header", "Idempotency-Key")
	if most := key.Schema.Value.MaxLength; most == nil || *most != task.MaxKeyBytes {
		t.Errorf("an Idempotency-Key has %v bytes at most, want %d", most, task.MaxKeyBytes)
	}
	for _, path := range []string{paths.Stream, paths.Callback, paths.Health, paths.Ready} {
		if doc.Paths.Value(path) == nil {
			t.Errorf("%s is not described", path)
		}
	}
}
