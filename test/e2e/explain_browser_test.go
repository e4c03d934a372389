package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"heliograph/test/freeport"
)

// realFault is what is wrong between a page with the client library, in Chromium, and a service behind nginx. Nobody
// says what it is but that page, and what the service sees itself.
type realFault struct {
	code  string   // that is to be named
	nginx string   // directives of its location of the API
	env   []string // of the service
	query string   // of the page
	// script runs before the page's own.
	script string
	// state is what the page says of its stream before anything is asked, "open" if it is "".
	state string
	// inject begins the fault then; nil for one that is there from the start.
	inject func(t *testing.T, s *service, tab context.Context)
}

// fastPings shows soon that a proxy holds bytes back.
const fastPings = "SSE_PING_INTERVAL=1s"

var realFaults = []realFault{
	{code: "COMPRESSED", env: []string{fastPings}, nginx: "gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;"},
	{code: "PROXY_CUTS", env: []string{"SSE_PING_INTERVAL=0", "SSE_HEARTBEAT_INTERVAL=0"}, nginx: "proxy_read_timeout 2s;"},
	{code: "CLOCK_SKEW", env: []string{fastPings}, query: "share=none", script: "{ const now = Date.now; Date.now = () => now() + 600_000; }"},
	{code: "REPLACED", env: []string{fastPings}, query: "id=mine", inject: func(t *testing.T, s *service, _ context.Context) {
		s.stream(t, "mine").awaitNamed(t, "task_snapshot")
	}},
	{code: "CREDENTIAL_REFUSED", env: secured(), query: "id=mine&token=/token", nginx: `proxy_set_header Authorization "";`, state: "unauthorized"},
	{code: "NEVER_CONNECTED", query: "id=mine", nginx: "location /api/sse/ { return 404; }", state: "refused"},
	{code: "LOG_RESTARTED", env: []string{fastPings}, inject: func(t *testing.T, s *service, _ context.Context) {
		s.terminate(t)
		s.serve(t)
	}},
}

// foundOfAll returns what is found to be wrong with the streams that are open.
func (s *service) foundOfAll(t *testing.T) (codes []string, streams int) {
	t.Helper()
	var list struct {
		Connections []struct {
			RequestID string `json:"request_id"`
		}
	}
	s.must(t, http.StatusOK, "GET", "/api/connections", "").into(t, &list)
	for _, c := range list.Connections {
		if got := s.call(t, "GET", "/api/connections/"+c.RequestID, ""); got.status == http.StatusOK { // it may have ended meanwhile
			var said struct{ Findings []struct{ Code string } }
			got.into(t, &said)
			for _, finding := range said.Findings {
				codes = append(codes, finding.Code)
			}
		}
	}
	return codes, len(list.Connections)
}

// explained returns what the command says is wrong with a stream.
func (s *service) explained(t *testing.T, requestID string) (codes []string) {
	t.Helper()
	_, out, said := heliograph(t, []string{"HELIOGRAPH_TOKEN=" + tokenOf(t, "operator", claims{"scope": "admin"})}, "explain", requestID, "--json", "--url", s.url)
	var answer struct{ Findings []struct{ Code string } }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("explain: %s%s", out, said)
	}
	for _, finding := range answer.Findings {
		codes = append(codes, finding.Code)
	}
	return codes
}

func TestTheFaultOfAPageBehindNginxIsNamed(t *testing.T) { // W6
	t.Parallel()
	folder, err := filepath.Abs(clientPage)
	if err != nil {
		t.Fatal(err)
	}
	tabs := openTabs(t, len(realFaults)+1, "about:blank")
	token := tokenOf(t, "ann", nil)
	visit := func(tab context.Context, fault realFault) *service {
		s := start(t, append([]string{versionless, "HTTP_ADDR=" + freeport.Addr(t)}, fault.env...)...)
		front := behindNginx(fault.nginx)
		front.text = strings.Replace(front.text, "location / {", "root "+folder+"; types { text/html html; text/javascript js; } location = /favicon.ico { return 204; } location = /token { default_type text/plain; return 200 "+token+"; } location /api/ {", 1)
		if fault.script != "" {
			do(tab, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fault.script})
		}
		if err := chromedp.Do(tab, chromedp.Navigate(front.start(t, s.addr)+"/page.html?"+fault.query)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	services := make([]*service, len(realFaults))
	for i, fault := range realFaults { // all of them go on at the same time
		services[i] = visit(tabs[i], fault)
	}
	well := visit(tabs[len(realFaults)], realFault{env: []string{fastPings}})
	for i, fault := range realFaults {
		if fault.state == "" {
			services[i].publishTo(t, "", "1") // so that pages that come back know where they were
		}
		if fault.inject != nil || fault.state != "" {
			mustShow(t, tabs[i:i+1], "body[data-state="+cmp.Or(fault.state, "open")+"]")
		}
		if fault.inject != nil {
			fault.inject(t, services[i], tabs[i])
		}
	}
	for i, fault := range realFaults {
		var codes []string
		eventually(t, fault.code+" is named", func() bool {
			if fault.state != "" { // it has no stream that would be listed
				codes = services[i].explained(t, "mine")
			} else {
				codes, _ = services[i].foundOfAll(t)
			}
			return len(codes) > 0
		})
		if len(codes) != 1 || codes[0] != fault.code {
			t.Errorf("of %s is named %q", fault.code, codes)
		}
	}
	if codes, streams := well.foundOfAll(t); len(codes) > 0 || streams != 1 {
		t.Errorf("of %d streams that are well is named %q", streams, codes)
	}
}
