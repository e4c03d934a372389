package connectioncli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/inbound/connectioncli"
	"heliograph/adapters/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// use calls do with a service that answers by the method, the path and the query, or refuses.
func use(t *testing.T, answers map[string]string, do func(connectioncli.Service, connectioncli.Terminal) int) (status int, out, said string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		answer, ok := answers[strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body))]
		if !ok || err != nil {
			w.WriteHeader(http.StatusForbidden)
			answer = `{"error":{"code":"FORBIDDEN","message":"no"}}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var stdout, stderr strings.Builder
	none := func() int { return 0 }
	status = do(cli.Service{URL: server.URL}, cli.Terminal{Out: &stdout, Err: &stderr, Width: none, Height: none, Transport: transport})
	return status, stdout.String(), stderr.String()
}

func TestConnectionsAreListed(t *testing.T) { // W6, W8
	since := time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339)
	first := `{"request_id":"tab-1","subject":"ann","node":"a","gateway":"embedded","since":"` + since + `","origin":{"resumed":true},"lag_events":1200,"waiting_bytes":2048,"state":"behind"}`
	second := `{"request_id":"tab-2","node":"b","gateway":"external","since":"` + since + `","origin":{"resumed":false,"reset":"expired"},"later":1}`
	third := `{"request_id":"tab-3","node":"b","gateway":"external"}`
	answers := map[string]string{
		"GET /api/connections?limit=1000":                                    `{"connections":[` + first + `,` + second + `],"total":3,"next":"n"}`,
		"GET /api/connections?after=n&limit=1000":                            `{"connections":[` + third + `],"total":3}`,
		"GET /api/connections?limit=1000&node=a&request_id=tab-&subject=ann": `{"connections":[],"total":0,"missing":["b","c"]}`,
		"GET /api/connections?limit=1000&subject=nobody":                     `{"connections":[],"total":0}`,
		"GET /api/connections?limit=1000&subject=html":                       `<html>`,
		"GET /api/connections?limit=1000&subject=other":                      `{}`,
	}
	const head = "REQUEST ID  SUBJECT  SINCE    STATE   BEHIND                 BEGAN           NODE  GATEWAY\n"
	for name, c := range map[string]struct {
		options   connectioncli.Options
		status    int
		out, said string
	}{
		"all of them": {connectioncli.Options{}, 0, head +
			"tab-1       ann      3 h ago  behind  1,200 events, 2.0 KiB  resumed         a     embedded\n" +
			"tab-2                3 h ago                                 reset: expired  b     external\n" +
			"tab-3                                                                        b     external\n", ""},
		"as JSON":               {connectioncli.Options{JSON: true}, 0, first + "\n" + second + "\n" + third + "\n", ""},
		"some of them":          {connectioncli.Options{JSON: true, Limit: 2}, 0, first + "\n" + second + "\n", "heliograph: there are more: --limit N or --all lists them\n"},
		"of a broken cluster":   {connectioncli.Options{Subject: "ann", RequestID: "tab-", Node: "a", JSON: true}, 1, "", "heliograph: not all are here, these nodes did not answer: b, c\n"},
		"none":                  {connectioncli.Options{Subject: "nobody"}, 0, "", "heliograph: no connections\n"},
		"refused":               {connectioncli.Options{Node: "x"}, 2, "", "heliograph: no (FORBIDDEN)\n"},
		"of another site":       {connectioncli.Options{Subject: "html"}, 4, "", "heliograph: the service cannot be reached: it answered 200 with \"<html>\"\n"},
		"of an older one maybe": {connectioncli.Options{Subject: "other"}, 4, "", "heliograph: the service cannot be reached: it answered without connections\n"},
	} {
		status, out, said := use(t, answers, func(to connectioncli.Service, term connectioncli.Terminal) int {
			return connectioncli.List(t.Context(), to, c.options, term)
		})
		if status != c.status || out != c.out || said != c.said {
			t.Errorf("%s: exit status %d, %q:\n%s", name, status, said, out)
		}
	}
}

func TestAConnectionIsEnded(t *testing.T) { // W6, A18
	answers := map[string]string{}
	for id, list := range map[string]string{
		"tab-1": `"connections":[{"request_id":"tab-1"},{"request_id":"tab-10"}]`, "tab": `"connections":[{"request_id":"tab-1"}]`,
		"none": `"connections":[]`, "away": `"connections":[],"missing":["b"]`,
	} {
		answers["GET /api/connections?limit=1000&request_id="+id] = "{" + list + "}"
		answers[`POST /api/connections/disconnect {"request_id":"`+id+`"}`] = `{"success":true,"message":"the streams end"}`
	}
	for _, c := range []struct {
		id        string
		asJSON    bool
		status    int
		out, said string
	}{
		{"tab-1", false, 0, "", "heliograph: the stream with the request_id tab-1 ends now\n"},
		{"tab-1", true, 0, `{"ok":true,"request_id":"tab-1"}` + "\n", ""},
		{"tab", false, 1, "", "heliograph: no open stream has the request_id tab\n"},
		{"none", true, 1, `{"ok":false,"request_id":"none"}` + "\n", ""},
		{"away", false, 0, "", "heliograph: a stream with the request_id away ends now if there is one, these nodes did not say: b\n"},
		{"tab-2", true, 2, "", "heliograph: end tab-2: no (FORBIDDEN)\n"},
	} {
		status, out, said := use(t, answers, func(to connectioncli.Service, term connectioncli.Terminal) int {
			return connectioncli.End(t.Context(), to, c.id, c.asJSON, term)
		})
		if status != c.status || out != c.out || said != c.said {
			t.Errorf("%+v: exit status %d, %q, %q", c, status, out, said)
		}
	}
}
