package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// absent is the ID of a task that never was.
const absent = "00000000-0000-4000-8000-000000000000"

// A subject that guesses the ID of another's task is answered as if there were none, for
// whatever it tries, and on every node.
func TestAGuessedTaskIsNotThere(t *testing.T) { // A9, A12
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		ann, bob := n.first.scoped(t, "ann", allScopes), n.second.scoped(t, "bob", allScopes)
		stream := ann.stream(t, "ann-1")
		running, ended := ann.startTask(t, chatty), ann.startTask(t, quickTask)
		stream.awaitTask(t, running, "task_started")
		stream.awaitTask(t, ended, "task_completed")
		const lease = `{"lease":"AAAA"}`
		for _, attempt := range []struct{ method, path, body string }{
			{"GET", "", ""},
			{"GET", "/status", ""},
			{"POST", "/cancel", ""},
			{"DELETE", "", ""},
			{"POST", "/progress", lease},
			{"POST", "/complete", lease},
			{"POST", "/fail", `{"lease":"AAAA","error":"x"}`},
			{"POST", "/release", lease},
		} {
			for _, id := range []string{running, ended} {
				want := bob.refused(t, http.StatusNotFound, "TASK_NOT_FOUND", attempt.method, "/api/tasks/"+absent+attempt.path, attempt.body)
				got := bob.refused(t, http.StatusNotFound, "TASK_NOT_FOUND", attempt.method, "/api/tasks/"+id+attempt.path, attempt.body)
				if string(got.body) != string(want.body) {
					t.Errorf("A9: %s %s says %s of another's task, and %s of none", attempt.method, attempt.path, got.body, want.body)
				}
			}
		}
		if got := ann.status(t, running); got.Status != "running" || got.CancelRequested {
			t.Errorf("A9: the task is %+v", got)
		}
		ann.must(t, http.StatusOK, "DELETE", "/api/tasks/"+ended, "")
		if admin := n.second.scoped(t, "root", "admin"); admin.status(t, running).TaskID != running {
			t.Error("A12: an admin does not see the task")
		}
	})
}

// taskIDs reads a list in pages.
func (s *service) taskIDs(t *testing.T, query string) (ids []string, cursors []string) {
	t.Helper()
	for cursor := ""; ; {
		var page struct {
			Tasks []taskStatus
			Next  *string `json:"next_cursor"`
		}
		s.must(t, http.StatusOK, "GET", "/api/tasks?"+query+"&cursor="+url.QueryEscape(cursor), "").into(t, &page)
		for _, task := range page.Tasks {
			ids = append(ids, task.TaskID)
		}
		if page.Next == nil {
			return ids, cursors
		}
		cursor = *page.Next
		cursors = append(cursors, cursor)
	}
}

// Lists show a subject its own tasks; a cursor of another subject shows nothing more, nor
// does it hold an ID.
func TestACursorOfAnotherSubjectShowsNothingOfItsTasks(t *testing.T) { // A9, A12
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		ann, bob := n.first.user(t, "ann"), n.second.user(t, "bob")
		var anns, bobs []string
		for range 6 {
			anns = append([]string{ann.startTask(t, quickTask)}, anns...)
			bobs = append([]string{bob.startTask(t, quickTask)}, bobs...)
		}
		got, cursors := ann.taskIDs(t, "limit=2")
		if !slices.Equal(got, anns) {
			t.Errorf("A12: ann sees %v, want %v", got, anns)
		}
		for _, cursor := range cursors {
			answer := bob.call(t, "GET", "/api/tasks?limit=2&cursor="+url.QueryEscape(cursor), "")
			for _, id := range anns {
				if strings.Contains(string(answer.body), id) {
					t.Errorf("A12: with a cursor of ann bob gets %s", answer.body)
				}
			}
			for _, id := range bobs {
				if strings.Contains(cursor, id) {
					t.Errorf("A9: the cursor %s holds the ID of a task of bob", cursor)
				}
			}
		}
		if got, _ := bob.taskIDs(t, "limit=4"); !slices.Equal(got, bobs) {
			t.Errorf("A12: bob sees %v, want %v", got, bobs)
		}
		if got, _ := n.second.user(t, "eve").taskIDs(t, "limit=4"); len(got) > 0 {
			t.Errorf("A12: eve sees %v", got)
		}
	})
}

// The same Idempotency-Key of two subjects names two tasks.
func TestAnIdempotencyKeyBelongsToItsSubject(t *testing.T) { // A9, A12, T14
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		const key = "Idempotency-Key: monday"
		ann := n.first.user(t, "ann").startAnswer(t, quickTask, key)
		bob := n.second.user(t, "bob").startAnswer(t, quickTask, key)
		if ann.TaskID == bob.TaskID {
			t.Errorf("A12: the key of ann leads bob to %s", ann.TaskID)
		}
		if again := n.second.user(t, "ann").startAnswer(t, quickTask, key); again != ann {
			t.Errorf("T14: %+v, want %+v", again, ann)
		}
		if again := n.first.user(t, "bob").startAnswer(t, quickTask, key); again != bob {
			t.Errorf("T14: %+v, want %+v", again, bob)
		}
	})
}

// A token for one task reads, and may cancel, just this task: in statuses, lists and a
// stream of its own, which has versions too.
func TestATokenForOneTaskIsGoodForNoOther(t *testing.T) { // A8, A12, A16
	t.Parallel()
	withEachBroker(t, func(t *testing.T, start func(...string) nodes) {
		n := start()
		backend := n.first.scoped(t, "backend", allScopes)
		all := backend.stream(t, "backend-1")
		other, public := backend.startTask(t, chatty), backend.startTask(t, strings.Replace(chatty, "{", `{"audience":"everyone",`, 1))
		read := backend.startAnswer(t, strings.Replace(chatty, "{", `{"follow":"read",`, 1))
		cancel := backend.startAnswer(t, strings.Replace(chatty, "{", `{"follow":"cancel",`, 1))
		if read.FollowToken == "" || cancel.FollowToken == "" {
			t.Fatalf("no token: %+v %+v", read, cancel)
		}
		reader, canceller := n.second.as(read.FollowToken), n.second.as(cancel.FollowToken)
		stream := open(t, n.first.with().newClient("page-1", reader.ticket(t)))
		all.awaitTask(t, read.TaskID, "task_started")

		if got := reader.status(t, read.TaskID); got.TaskID != read.TaskID {
			t.Errorf("A8: its own task is %+v", got)
		}
		for _, id := range []string{other, public, cancel.TaskID} {
			reader.refused(t, http.StatusNotFound, "TASK_NOT_FOUND", "GET", "/api/tasks/"+id+"/status", "")
			canceller.refused(t, map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[id == cancel.TaskID],
				map[bool]string{false: "TASK_NOT_FOUND"}[id == cancel.TaskID], "POST", "/api/tasks/"+id+"/cancel", "")
		}
		if got, _ := reader.taskIDs(t, "limit=9"); !slices.Equal(got, []string{read.TaskID}) {
			t.Errorf("A12: its list is %v, want its task", got)
		}
		reader.refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks/"+read.TaskID+"/cancel", "")
		reader.refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks", quickTask)
		reader.refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/workers/claim", `{"types":["demo_task"]}`)
		reader.refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/versions", `{"version":"9"}`)
		reader.refused(t, http.StatusForbidden, "FORBIDDEN", "GET", "/metrics", "")

		backend.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"9"}`)
		backend.must(t, http.StatusOK, "POST", "/api/tasks/"+other+"/cancel", "")
		all.awaitTask(t, other, "task_cancelled")
		backend.must(t, http.StatusOK, "POST", "/api/tasks/"+read.TaskID+"/cancel", "")
		stream.awaitTask(t, read.TaskID, "task_cancelled")
		stream.awaitVersion(t, "9")
		for _, e := range stream.Events() {
			for _, id := range []string{other, public, cancel.TaskID} {
				if strings.Contains(e.Data, id) {
					t.Errorf("A12: the stream for one task got %+v", e)
				}
			}
		}
	})
}

// A token for one task needs the scope to name others, and a task that is not for everyone.
func TestATokenForOneTaskIsNotGivenToJustAnybody(t *testing.T) { // A8
	t.Parallel()
	s := start(t, secured()...)
	follow := func(more string) string { return fmt.Sprintf(`{"type":"demo_task","follow":"read"%s}`, more) }
	got := s.user(t, "ann").refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks", follow(""))
	if !strings.Contains(string(got.body), `"scope":"audience"`) {
		t.Errorf("A9: %s does not name the scope", got.body)
	}
	s.scoped(t, "ann", allScopes).refused(t, http.StatusBadRequest, "INVALID_AUDIENCE", "POST", "/api/tasks", follow(`,"audience":"everyone"`))
}

// The answer to a request without the scope says which one is missing, and to one without
// a credential that there is none.
func TestWhatIsMissingIsSaid(t *testing.T) { // A1, A8, A9, A10
	t.Parallel()
	s := start(t, secured()...)
	for _, r := range []struct{ method, path, body, scope string }{
		{"GET", "/api/tasks", "", "tasks:read"},
		{"GET", "/api/tasks/" + absent + "/status", "", "tasks:read"},
		{"POST", "/api/tasks", quickTask, "tasks:start"},
		{"POST", "/api/tasks/" + absent + "/cancel", "", "tasks:cancel"},
		{"DELETE", "/api/tasks/" + absent, "", "tasks:cancel"},
		{"POST", "/api/workers/claim", `{"types":["demo_task"]}`, "tasks:work"},
		{"POST", "/api/tasks/" + absent + "/progress", `{"lease":"x"}`, "tasks:work"},
		{"POST", "/api/versions", `{"version":"1"}`, "versions:announce"},
		{"POST", "/api/sse/ticket", "", "stream"},
		{"POST", "/api/connections/a/credential", "", "stream"},
		{"GET", "/api/sse/stream?request_id=a", "", "stream"},
		{"POST", "/api/subjects/ann/revoke", "", "admin"},
		{"POST", "/api/connections/disconnect", `{"subject":"ann"}`, "admin"},
		{"GET", "/metrics", "", "admin"},
	} {
		s.refused(t, http.StatusUnauthorized, "UNAUTHORIZED", r.method, r.path, r.body)
		got := s.scoped(t, "ann", "").refused(t, http.StatusForbidden, "FORBIDDEN", r.method, r.path, r.body)
		if !strings.Contains(string(got.body), fmt.Sprintf(`"scope":%q`, r.scope)) {
			t.Errorf("A9: %s %s without scopes: %s does not name %s", r.method, r.path, got.body, r.scope)
		}
	}
	for _, open := range []string{"/healthz", "/readyz", "/api/openapi.yaml"} {
		s.must(t, http.StatusOK, "GET", open, "")
	}
}

// A worker elsewhere sees no task but those that it has claimed; a key for some types
// claims no others.
func TestAnAPIKeyIsGoodForWhatItsLineSays(t *testing.T) { // A5, A8
	t.Parallel()
	reader, readerLine := newKey(t, "reports", "--scope", "tasks:read,admin")
	starter, starterLine := newKey(t, "nightly", "--scope", "tasks:start,tasks:read", "--type", "demo_task")
	late, lateLine := newKey(t, "late", "--scope", "tasks:read", "--expires", "2s")
	keys := keysFile(t, readerLine, starterLine, lateLine)
	s := start(t, "AUTH=required", "AUTH_KEYS_FILE="+keys, versionless)
	id := s.as(starter).startTask(t, quickTask)
	s.as(starter).refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks", `{"type":"failing_task"}`)
	s.as(starter).refused(t, http.StatusForbidden, "FORBIDDEN", "POST", "/api/tasks/"+id+"/cancel", "")
	if got := s.as(reader).status(t, id); got.TaskID != id {
		t.Errorf("A5: %+v", got)
	}
	s.as(reader+"x").refused(t, http.StatusUnauthorized, "CREDENTIAL_UNKNOWN", "GET", "/api/tasks", "")
	eventually(t, "the key ends", func() bool { return s.as(late).call(t, "GET", "/api/tasks", "").code() == "CREDENTIAL_EXPIRED" })
	s.logs.mustBeClean(t, reader, starter, late)
}
