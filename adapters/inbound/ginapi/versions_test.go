package ginapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// announcements is a version.Service that records.
type announcements struct {
	id       connection.RequestID
	payloads []string
}

func (a *announcements) Announce(_ context.Context, id connection.RequestID, v version.Version) error {
	a.id, a.payloads = id, append(a.payloads, string(v.Payload()))
	return nil
}

func (a *announcements) Current(context.Context) (version.Version, error) {
	return version.Version{}, version.ErrUnavailable
}

// announcer returns an engine whose versions are only recorded.
func announcer(t testing.TB) (http.Handler, *announcements) {
	t.Helper()
	metrics, err := ginapi.NewHTTPMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("register metrics: %v", err)
	}
	log, got := slog.New(slog.DiscardHandler), &announcements{}
	e := ginapi.NewEngine(log, metrics, newGuard(t, ginapi.GuardConfig{}))
	ginapi.New(ginapi.Config{}, ginapi.Deps{Versions: got}, log).Register(e)
	return e, got
}

func announce(t testing.TB, e http.Handler, body string) int {
	t.Helper()
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/versions", strings.NewReader(body)))
	return rec.Code
}

func TestOtherFieldsOfAVersionPassThrough(t *testing.T) { // V2, V4
	for _, tc := range []struct{ name, body, id, payload string }{
		{"for everyone", `{"version":"1.4.2"}`, "", `{"version":"1.4.2"}`},
		{"for one client", `{"version":"1.4.2","request_id":"abc123"}`, "abc123", `{"version":"1.4.2"}`},
		{"request_id written in another way", `{"version":"1","request\u005fid":"abc123"}`, "abc123", `{"version":"1"}`},
		{"a field that only resembles ours", `{"version":"1","Request_ID":"a:b"}`, "", `{"Request_ID":"a:b","version":"1"}`},
		{"an inner request_id is the caller's", `{"version":"1","x":{"request_id":"a"}}`, "", `{"version":"1","x":{"request_id":"a"}}`},
		{"changelog", `{"version":"1","changelog":"<b>Fast & safe</b>"}`, "", `{"changelog":"<b>Fast & safe</b>","version":"1"}`},
		{
			"numbers keep their digits", `{"version":"1","n":[1.0,1e3,12345678901234567890,0.1000,-0]}`, "",
			`{"n":[1.0,1e3,12345678901234567890,0.1000,-0],"version":"1"}`,
		},
		{"texts keep their escapes", `{"version":"\u0031","x":"\u00e4 \/ ä \u2028"}`, "", `{"version":"\u0031","x":"\u00e4 \/ ä \u2028"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, got := announcer(t)
			if status := announce(t, e, tc.body); status != http.StatusAccepted {
				t.Fatalf("got %d", status)
			}
			if diff := cmp.Diff([]string{tc.payload}, got.payloads); diff != "" || got.id != connection.RequestID(tc.id) {
				t.Errorf("announced for %q, want %q; payload:\n%s", got.id, tc.id, diff)
			}
		})
	}
}

func TestAcceptedVersionIsReportedDelivered(t *testing.T) { // V2
	s := newService(t, ginapi.Config{})
	announced(nil)(s)
	s.ask(t, http.MethodPost, "/api/versions", goodVersion).wantJSON(t, http.StatusAccepted, `{"delivered":true}`)
}

func TestCurrentVersionIsTheSourcesPayload(t *testing.T) { // V4, V6
	s := newService(t, ginapi.Config{})
	s.versions.EXPECT().Current(gomock.Any()).Return(mustVersion(t, `{"version": "1", "n": 1.0, "html": "<b>"}`), nil)
	a := s.ask(t, http.MethodGet, "/api/version", "")
	if want := `{"version":"1","n":1.0,"html":"<b>"}` + "\n"; a.status != http.StatusOK || a.body != want {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
}

func TestUnavailableVersionSaysWhy(t *testing.T) { // V6
	s := newService(t, ginapi.Config{})
	current("", version.ErrUnavailable)(s)
	if a := s.ask(t, http.MethodGet, "/api/version", ""); !strings.Contains(a.body, "version source is unavailable") {
		t.Errorf("got %s", a.body)
	}
}

// FuzzAnnounce proves that any body is either refused, with nothing announced,
// or announced with every field but request_id as it was.
func FuzzAnnounce(f *testing.F) {
	for _, seed := range []string{
		goodVersion, `{"version":"1","changelog":"x","n":1.0}`, `{"version":1}`, `{"version":"1","request_id":null}`,
		`{"Version":"1"}`, `{"version":"1","a":{"b":[{}]},"":0}`, `null`, `[]`, `"x"`, `{`, ``, "\xff", `{"version":"` + "\xff" + `","` + "\xfe" + `":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		e, got := announcer(t)
		status := announce(t, e, body)
		if status != http.StatusAccepted {
			if len(got.payloads) != 0 || status < 400 || status >= 500 {
				t.Errorf("refused with %d, announced %q", status, got.payloads)
			}
			return
		}
		want := fieldsOf(t, body)
		delete(want, "request_id")
		if diff := cmp.Diff(want, fieldsOf(t, got.payloads[0])); diff != "" {
			t.Errorf("fields changed:\n%s", diff)
		}
	})
}

// fieldsOf returns an object's fields, each compact but otherwise as written.
func fieldsOf(t *testing.T, object string) map[string]string {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &raw); err != nil {
		t.Fatalf("announced, but no object: %q", object)
	}
	fields := map[string]string{}
	for name, value := range raw {
		fields[name] = compact(t, string(value))
	}
	return fields
}
