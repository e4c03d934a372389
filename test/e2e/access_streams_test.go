package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// Two users of one service see their own tasks only, and versions.
func TestTwoUsersDoNotSeeEachOther(t *testing.T) { // A11, A12, A14, A16
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		ann, bob := n.first.user(t, "ann"), n.second.user(t, "bob")
		anns, bobs := ann.stream(t, "a"), bob.stream(t, "b")
		first := ann.startTask(t, quickTask)
		anns.awaitTask(t, first, "task_completed")
		second := bob.startTask(t, chatty)
		bobs.awaitTask(t, second, "progress_update")
		n.first.scoped(t, "deploy", "versions:announce").must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"2"}`)
		anns.awaitVersion(t, "2")
		bobs.awaitVersion(t, "2")
		late := ann.stream(t, "a-2")
		late.awaitNamed(t, "task_snapshot")
		for name, seen := range map[string]struct {
			stream *stream
			not    string
		}{"ann": {anns, second}, "ann's second": {late, second}, "bob": {bobs, first}} {
			for _, e := range seen.stream.Events() {
				if strings.Contains(e.Data, seen.not) {
					t.Errorf("A12: %s got %+v", name, e)
				}
			}
		}
	})
}

// A request_id belongs to the subject whose stream holds it.
func TestAForeignRequestIDIsRefused(t *testing.T) { // A15, C3
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		anns := n.first.user(t, "ann").stream(t, "tab")
		anns.awaitNamed(t, "task_snapshot")
		n.second.user(t, "bob").refusedStream(t, http.StatusForbidden, "REQUEST_ID_TAKEN", "tab")
		n.second.user(t, "ann").stream(t, "tab").awaitNamed(t, "task_snapshot")
		anns.awaitNamed(t, "replaced")
	})
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, secured()...)
		anns := s.user(t, "ann").stream(t, "tab")
		anns.awaitNamed(t, "task_snapshot")
		s.user(t, "bob").refusedStream(t, http.StatusForbidden, s.streamCode("REQUEST_ID_TAKEN"), "tab")
		s.refusedStream(t, http.StatusUnauthorized, s.streamCode("UNAUTHORIZED"), "tab")
		s.user(t, "ann").stream(t, "tab").awaitNamed(t, "task_snapshot")
		anns.awaitNamed(t, "replaced")
	})
}

// ticket gets one for the service's client.
func (s *service) ticket(t *testing.T) string {
	t.Helper()
	var got struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}
	s.must(t, http.StatusOK, "POST", "/api/sse/ticket", "").into(t, &got)
	if got.Ticket == "" || got.ExpiresIn != 30 {
		t.Fatalf("A6: %+v", got)
	}
	return "&ticket=" + url.QueryEscape(got.Ticket)
}

// A ticket opens one stream, once, on any node, and is in no log.
func TestATicketOpensOneStream(t *testing.T) { // A6
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		ann := n.first.user(t, "ann")
		ticket := ann.ticket(t)
		nobody := n.second.with()
		stream := open(t, nobody.newClient("tab", ticket))
		stream.awaitNamed(t, "task_snapshot")
		id := ann.startTask(t, quickTask)
		stream.awaitTask(t, id, "task_completed")
		for _, at := range []*service{n.first.with(), nobody} {
			at.refusedStream(t, http.StatusUnauthorized, "CREDENTIAL_UNKNOWN", "tab", ticket)
		}
		unused := ann.ticket(t)
		nobody.refused(t, http.StatusUnauthorized, "UNAUTHORIZED", "GET", "/api/tasks?"+unused[1:], "")
		nobody.as(strings.TrimPrefix(unused, "&ticket=")).refused(t, http.StatusUnauthorized, "CREDENTIAL_MALFORMED", "GET", "/api/tasks", "")
		for _, s := range []*service{n.first, n.second} {
			s.logs.mustBeClean(t, strings.TrimPrefix(ticket, "&ticket="), strings.TrimPrefix(unused, "&ticket="))
		}
	})
}

// A stream whose credential ends is told so, ends, and comes back with a new one: in all
// it has got every event.
func TestAStreamThatExpiresComesBackAndMissesNothing(t *testing.T) { // A17, G2
	t.Parallel()
	test := func(t *testing.T, s *service) {
		t.Helper()
		ann := s.user(t, "ann")
		expires := time.Now().Add(6 * time.Second) // time for what comes before it, on a slow machine
		client := s.as(tokenOf(t, "ann", claims{"exp": expires.Unix()})).newClient("tab")
		stream := open(t, client)
		stream.awaitNamed(t, "task_snapshot")
		var ids []string
		id := ann.startTask(t, quickTask)
		ids = append(ids, id)
		stream.awaitTask(t, id, "task_completed")
		notice := decode[struct {
			ExpiresAt time.Time `json:"expires_at"`
		}](t, stream.awaitNamed(t, "auth_expiring").Data)
		if notice.ExpiresAt.Unix() != expires.Unix() {
			t.Errorf("A17: it ends at %s, want %s", notice.ExpiresAt, expires)
		}
		stream.awaitNamed(t, "auth_expired")
		await(t, "the end of the stream", stream.Done())
		if names := stream.names(); names[len(names)-1] != "auth_expired" || !stream.EndedCleanly() {
			t.Errorf("A17: the stream ended with %v after %v", stream.Err(), names)
		}
		for range 3 {
			ids = append(ids, ann.startTask(t, quickTask))
		}
		other := ann.stream(t, "other")
		for _, id := range ids {
			eventually(t, "the task ends", func() bool { return ann.status(t, id).EndTime != nil })
		}
		other.Close()
		client.SetHeader("Authorization", "Bearer "+tokenOf(t, "ann", nil))
		back := open(t, client)
		for _, id := range ids[1:] {
			back.awaitTask(t, id, "task_completed")
			if events := back.taskEvents(t, id); events[0].Type != "task_started" {
				t.Errorf("A17: of task %s it missed the first of %+v", id, events)
			}
		}
		if slices.Contains(back.names(), "stream_reset") || len(back.taskEvents(t, ids[0])) > 0 {
			t.Errorf("A17: the stream began anew: %v", back.names())
		}
	}
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		test(t, start("AUTH_EXPIRY_NOTICE=2s").second)
	})
	t.Run("external gateway", func(t *testing.T) {
		t.Parallel()
		test(t, startExternal(t, secured("AUTH_EXPIRY_NOTICE=2s")...))
	})
}

// A renewed credential keeps the stream, whichever node is asked.
func TestARenewedStreamGoesOn(t *testing.T) { // A17
	t.Parallel()
	test := func(t *testing.T, n nodes) {
		t.Helper()
		expires := time.Now().Add(8 * time.Second) // likewise
		stream := n.first.as(tokenOf(t, "ann", claims{"exp": expires.Unix()})).stream(t, "tab")
		stream.awaitNamed(t, "auth_expiring")
		ann := n.second.user(t, "ann")
		n.second.user(t, "bob").refused(t, http.StatusConflict, "OTHER_PRINCIPAL", "POST", "/api/connections/tab/credential", "")
		ann.must(t, http.StatusOK, "POST", "/api/connections/tab/credential", "")
		stream.await(t, "a ping after the end of the first credential", func(e sseclient.Event) bool {
			return e.Name == "ping" && decode[struct{ Timestamp time.Time }](t, e.Data).Timestamp.After(expires)
		})
		id := ann.startTask(t, quickTask)
		stream.awaitTask(t, id, "task_completed")
		if slices.Contains(stream.names(), "auth_expired") {
			t.Errorf("A17: %v", stream.names())
		}
	}
	env := []string{"AUTH_EXPIRY_NOTICE=10s", "SSE_PING_INTERVAL=1s"}
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) { test(t, start(env...)) })
	t.Run("external gateway", func(t *testing.T) {
		t.Parallel()
		s := startExternal(t, secured(env...)...)
		test(t, nodes{s, s})
	})
}

// What revokes a subject ends its streams on every node and refuses its credentials,
// across kill -9 where there is something to remember it by.
func TestARevokedSubjectIsOutOnEveryNode(t *testing.T) { // A18
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		old := claims{"iat": time.Now().Add(-time.Minute).Unix()}
		ann, bob := n.second.as(tokenOf(t, "ann", old)), n.second.as(tokenOf(t, "bob", old))
		anns, bobs := ann.stream(t, "a"), bob.stream(t, "b")
		ticket := ann.ticket(t)
		anns.awaitNamed(t, "task_snapshot")
		bobs.awaitNamed(t, "task_snapshot")
		n.first.scoped(t, "root", "admin").must(t, http.StatusOK, "POST", "/api/subjects/ann/revoke", "")
		anns.awaitNamed(t, "auth_expired")
		await(t, "the end of the stream", anns.Done())
		ann.refused(t, http.StatusUnauthorized, "CREDENTIAL_REVOKED", "GET", "/api/tasks", "")
		ann.refusedStream(t, http.StatusUnauthorized, "CREDENTIAL_REVOKED", "a")
		n.second.with().refusedStream(t, http.StatusUnauthorized, "CREDENTIAL_REVOKED", "a", ticket)
		bob.must(t, http.StatusOK, "GET", "/api/tasks", "")
		n.second.as(tokenOf(t, "ann", claims{"iat": time.Now().Add(2 * time.Second).Unix()})).must(t, http.StatusOK, "GET", "/api/tasks", "")

		if !slices.ContainsFunc(n.second.env, func(e string) bool { return strings.HasPrefix(e, "DATA_DIR=") || strings.HasPrefix(e, "NATS_URL=") }) {
			return
		}
		n.second.kill(t)
		n.second.again(t)
		eventually(t, "the node is ready", func() bool { return n.second.call(t, "GET", "/readyz", "").status == http.StatusOK })
		n.second.as(tokenOf(t, "ann", old)).refused(t, http.StatusUnauthorized, "CREDENTIAL_REVOKED", "GET", "/api/tasks", "")
	})
}

// A stream that is revoked while it gets a long replay ends, and does not get the rest.
func TestAStreamIsRevokedWhileItReplays(t *testing.T) { // A18
	t.Parallel()
	const versions, size = 400, 50_000
	s := start(t, secured("SSE_HISTORY_BYTES=64MiB")...)
	ann := s.as(tokenOf(t, "ann", claims{"iat": time.Now().Add(-time.Minute).Unix(), "scope": allScopes}))
	first := ann.stream(t, "a")
	place := first.awaitNamed(t, "task_snapshot").ID
	first.Close()
	for i := range versions {
		ann.must(t, http.StatusAccepted, "POST", "/api/versions", fmt.Sprintf(`{"version":"%d","changelog":%q}`, i, strings.Repeat("x", size)))
	}
	unread := ann.unreadStream(t, "a", place)
	s.scoped(t, "root", "admin").must(t, http.StatusOK, "POST", "/api/subjects/ann/revoke", "")
	eventually(t, "the stream is not counted", func() bool { return s.scoped(t, "root", "admin").scrape(t)[active] == 0 })
	got, err := io.ReadAll(unread)
	if len(got) > versions*size/2 {
		t.Errorf("A18: the revoked stream got %d bytes of %d (%v)", len(got), versions*size, err)
	}
	ann.refusedStream(t, http.StatusUnauthorized, "CREDENTIAL_REVOKED", "a")
}

// unreadStream opens a stream from a place on, of which only the head is read, until the
// test reads.
func (s *service) unreadStream(t *testing.T, requestID, place string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.streamAddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	_ = conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := fmt.Fprintf(conn, "GET /api/sse/stream?request_id=%s HTTP/1.1\r\nHost: %s\r\n%s\r\nLast-Event-ID: %s\r\n\r\n",
		requestID, s.streamAddr, strings.Join(s.headers, "\r\n"), place); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
		t.Fatalf("%q %v", head, err)
	}
	return conn
}

// A stream ends at the word of an admin, and may come back.
func TestAnAdminEndsStreams(t *testing.T) { // A18
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, secured()...)
		admin := s.scoped(t, "root", "admin")
		for _, body := range []string{`{"request_id":"a"}`, `{"subject":"ann"}`, `{"jti":"j1"}`} {
			ann := s.as(tokenOf(t, "ann", claims{"jti": "j1"}))
			stream := ann.stream(t, "a")
			other := s.user(t, "bob").stream(t, "b")
			stream.awaitNamed(t, "task_snapshot")
			other.awaitNamed(t, "task_snapshot")
			admin.must(t, http.StatusOK, "POST", "/api/connections/disconnect", body)
			await(t, "the end of the stream", stream.Done())
			select {
			case <-other.Done():
				t.Errorf("A18: %s has ended another's stream", body)
			default:
			}
			ann.must(t, http.StatusOK, "GET", "/api/tasks", "")
			other.Close()
		}
	})
}
