package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/test/standin"
)

// codes returns what is found to be wrong with a stream.
func (s *service) codes(t *testing.T, requestID, query string) (codes []string) {
	t.Helper()
	got := s.must(t, http.StatusOK, "GET", "/api/connections/"+requestID+query, "")
	var answer struct {
		Findings []struct{ Code string }
	}
	got.into(t, &answer)
	for _, f := range answer.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

// mustExplain fails unless exactly that is found, in the end.
func (s *service) mustExplain(t *testing.T, want, requestID, query string) {
	t.Helper()
	var got []string
	eventually(t, want+" is named", func() bool {
		got = s.codes(t, requestID, query)
		return len(got) > 0
	})
	if len(got) != 1 || got[0] != want {
		t.Errorf("found is %q, want %s", got, want)
	}
}

// says has the client of a stream report.
func (s *service) says(t *testing.T, requestID, report string) {
	t.Helper()
	s.must(t, http.StatusOK, "POST", "/api/connections/"+requestID+"/report", report)
}

// publish publishes an event, and returns its ID.
func (s *service) publishTo(t *testing.T, audience, data string) string {
	t.Helper()
	var answer struct{ ID string }
	s.must(t, http.StatusAccepted, "POST", "/api/events", `{"name":"note","data":`+data+audience+`}`).into(t, &answer)
	return answer.ID
}

// through opens a stream through a proxy; the answer comes with its first bytes.
func through(t *testing.T, url string, headers ...string) <-chan *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	answered := make(chan *http.Response, 1)
	go func() { // ends with the test's context
		defer close(answered)
		if resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req); err == nil {
			context.AfterFunc(t.Context(), func() { _ = resp.Body.Close() })
			answered <- resp
		}
	}()
	return answered
}

func behindNginx(more string) intermediary {
	return intermediary{
		name: "nginx", commands: []string{"nginx", "/usr/sbin/nginx"}, file: "nginx.conf",
		text: nginx(`proxy_http_version 1.1; proxy_set_header Connection ""; ` + more), args: []string{"-c", "DIR/nginx.conf", "-e", "stderr"},
	}
}

// What is wrong is injected, one fault after the other: each must be named, and nothing else. Those that a page sees, with the client library
// and behind nginx, are in TestTheFaultOfAPageBehindNginxIsNamed.
func TestTheFaultOfAStreamIsNamed(t *testing.T) { // W6
	t.Parallel()
	t.Run("proxies", faultsOfProxies)
	t.Run("clients", faultsOfClients)
	t.Run("credentials", faultsOfCredentials)
	t.Run("gateways", faultsOfGateways)
}

func faultsOfProxies(t *testing.T) {
	t.Parallel()
	s := start(t, versionless)

	s.stream(t, "buffered").awaitNamed(t, "task_snapshot")
	s.says(t, "buffered", `{"state":"open","held_back_ms":2500}`)
	s.mustExplain(t, "BUFFERING_PROXY", "buffered", "")

	cutting := behindNginx("proxy_read_timeout 1s;").start(t, s.addr)
	lastID := s.publishTo(t, "", "1")
	eventually(t, "PROXY_CUTS is named", func() bool { // once three in a row have lasted alike, which a busy machine makes rarer
		resp := <-through(t, cutting+"/api/sse/stream?request_id=cut", "Last-Event-ID", lastID)
		named := strings.Join(s.codes(t, "cut", ""), " ") == "PROXY_CUTS"
		_, _ = io.Copy(io.Discard, resp.Body) // until nginx ends it
		return named
	})
}

func faultsOfClients(t *testing.T) {
	t.Parallel()
	s := start(t, versionless, "SSE_HISTORY_BYTES=256KiB")
	first := s.publishTo(t, "", "0")

	s.stream(t, "frozen").awaitNamed(t, "task_snapshot")
	s.says(t, "frozen", `{"state":"open","frozen_ms":20000}`)
	s.mustExplain(t, "FROZEN_TAB", "frozen", "")

	s.stream(t, "seventh").awaitNamed(t, "task_snapshot")
	s.says(t, "seventh", `{"sharing":"tab","protocol":"http/1.1","tabs":7}`)
	s.mustExplain(t, "SIX_CONNECTIONS", "seventh", "")

	one := s.stream(t, "twice")
	one.awaitNamed(t, "task_snapshot")
	s.stream(t, "twice").awaitNamed(t, "task_snapshot")
	one.awaitNamed(t, "replaced")
	s.mustExplain(t, "REPLACED", "twice", "")

	gone := s.stream(t, "ended")
	gone.awaitNamed(t, "task_snapshot")
	s.must(t, http.StatusOK, "POST", "/api/connections/disconnect", `{"request_id":"ended"}`)
	<-gone.Done()
	s.mustExplain(t, "DISCONNECTED", "ended", "")

	s.stream(t, "outside").awaitNamed(t, "task_snapshot")
	other := s.publishTo(t, `,"audience":{"request_ids":["inside"]}`, `"secret"`)
	s.mustExplain(t, "OTHER_AUDIENCE", "outside", "?event="+other)
	if got := s.must(t, http.StatusOK, "GET", "/api/connections/outside?event="+other, ""); strings.Contains(string(got.body), "secret") {
		t.Errorf("the event's content is told: %s", got.body)
	}

	for range 4 {
		st := s.stream(t, "forgetful")
		st.awaitNamed(t, "task_snapshot")
		st.Close()
		eventually(t, "the stream has ended", func() bool {
			return strings.Contains(string(s.must(t, http.StatusOK, "GET", "/api/connections/forgetful", "").body), `"ended"`)
		})
	}
	s.stream(t, "forgetful")
	s.mustExplain(t, "CLIENT_WITHOUT_IDS", "forgetful", "")

	openAndReadNothing(t, s.addr)
	eventually(t, "the stream is there", func() bool { return s.call(t, "GET", "/api/connections/slow", "").status == http.StatusOK })
	for range 200 { // more than the kernel's buffers hold
		if len(s.codes(t, "slow", "")) > 0 {
			break
		}
		s.publishTo(t, "", `"`+strings.Repeat("x", 50<<10)+`"`)
	}
	s.mustExplain(t, "READER_TOO_SLOW", "slow", "")

	open(t, s.newClient("away", "&last_event_id="+first)).awaitNamed(t, "stream_reset")
	s.mustExplain(t, "LOG_EXPIRED", "away", "")
	open(t, s.newClient("restarted", "&last_event_id=otherlife-5")).awaitNamed(t, "stream_reset")
	s.mustExplain(t, "LOG_RESTARTED", "restarted", "")

	s.mustExplain(t, "WRONG_REQUEST_ID", "FROZEN", "")
	status, out, errors := heliograph(t, nil, "explain", "nobody", "--json", "--url", s.url)
	if status != 1 || !strings.Contains(out, `"code":"NEVER_CONNECTED"`) {
		t.Errorf("explain: %d %s %s", status, out, errors)
	}

	full := start(t, versionless, "SSE_MAX_CONNECTIONS=1")
	full.stream(t, "first").awaitNamed(t, "task_snapshot")
	full.must(t, http.StatusServiceUnavailable, "GET", "/api/sse/stream?request_id=second", "")
	full.mustExplain(t, "CONNECTION_LIMIT", "second", "")
}

func faultsOfCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, secured()...)
	admin := s.scoped(t, "operator", "admin")

	st := s.user(t, "ann").stream(t, "revoked")
	st.awaitNamed(t, "task_snapshot")
	s.user(t, "ben").refused(t, http.StatusForbidden, "REQUEST_ID_TAKEN", "GET", "/api/sse/stream?request_id=revoked", "")
	admin.mustExplain(t, "REQUEST_ID_TAKEN", "revoked", "")

	st = s.user(t, "cat").stream(t, "revoked2")
	st.awaitNamed(t, "task_snapshot")
	admin.must(t, http.StatusOK, "POST", "/api/subjects/cat/revoke", "")
	<-st.Done()
	admin.mustExplain(t, "REVOKED", "revoked2", "")

	st = s.as(tokenOf(t, "dan", claims{"exp": time.Now().Add(2 * time.Second).Unix()})).stream(t, "expired")
	<-st.Done()
	admin.mustExplain(t, "CREDENTIAL_ENDED", "expired", "")

	s.refused(t, http.StatusUnauthorized, "UNAUTHORIZED", "GET", "/api/sse/stream?request_id=nobody", "")
	s.user(t, "eve").refused(t, http.StatusForbidden, "FORBIDDEN", "GET", "/api/connections", "")
	s.user(t, "eve").refused(t, http.StatusForbidden, "FORBIDDEN", "GET", "/api/connections/revoked", "")
	s.user(t, "eve").refused(t, http.StatusNotFound, "UNKNOWN_CONNECTION", "POST", "/api/connections/revoked/report", "{}")
	admin.mustExplain(t, "CREDENTIAL_REFUSED", "nobody", "")
}

func faultsOfGateways(t *testing.T) {
	t.Parallel()
	s := startExternal(t, versionless)
	s.stream(t, "tab").awaitNamed(t, "task_snapshot")
	s.gateway.kill(t)
	s.publishTo(t, "", "1")
	s.mustExplain(t, "GATEWAY_UNREACHABLE", "tab", "")

	refusing, g := startWithGateway(t)
	g.stream(t, "bad").awaitNamed(t, "task_snapshot")
	g.faults(t, standin.Faults{Match: "request_id=bad", Status: http.StatusInternalServerError})
	refusing.startTask(t, quickTask)
	refusing.mustExplain(t, "GATEWAY_REFUSED", "bad", "")
}

// Of streams that are well nothing is said, behind nginx either.
func TestNothingIsFoundOfHundredStreamsThatAreWell(t *testing.T) { // W6
	t.Parallel()
	s := start(t, versionless)
	url := behindNginx("").start(t, s.addr)
	const streams = 100
	ids := make([]string, streams)
	for i := range streams {
		id := fmt.Sprintf("well-%d", i)
		began := time.Now()
		direct := s.newClient(id)
		switch i % 4 {
		case 0: // through nginx, as the client library reports
			resp := <-through(t, url+"/api/sse/stream?request_id="+id)
			if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			report, _ := json.Marshal(map[string]any{
				"state": "open", "sharing": "worker", "protocol": "http/1.1", "encoding": resp.Header.Get("Content-Encoding"), "tabs": 3,
				"first_byte_ms": time.Since(began).Milliseconds(), "now": time.Now().UnixMilli(),
			})
			s.says(t, id, string(report))
		case 1: // interrupted once, and resumed
			st := open(t, direct)
			st.awaitNamed(t, "task_snapshot")
			st.Close()
			open(t, direct).awaitNamed(t, "task_snapshot")
		case 2: // closed by its user
			st := open(t, direct)
			st.awaitNamed(t, "task_snapshot")
			st.Close()
		default:
			open(t, direct).awaitNamed(t, "task_snapshot")
		}
		ids[i] = id
		s.publishTo(t, "", fmt.Sprint(i))
	}
	wrong := 0
	for _, id := range ids {
		if codes := s.codes(t, id, ""); len(codes) > 0 {
			wrong++
			t.Errorf("%s: %q", id, codes)
		}
	}
	t.Logf("%d of %d were said to be wrong", wrong, streams)
}
