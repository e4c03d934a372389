package ginapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestClaimReturnsTheLease(t *testing.T) {
	s := newService(t, ginapi.Config{})
	claimedBy(claim, nil)(s)
	s.ask(t, http.MethodPost, "/api/workers/claim", goodClaim).wantJSON(t, http.StatusOK,
		`{"task_id":"`+knownID+`","type":"resize","params":{"width":300},"labels":{},"attempt":2,"lease":"l1","lease_seconds":30}`)
	labelled := claim
	labelled.Task.Labels = task.Labels{"page": "exports"} // T16
	claimedBy(labelled, nil)(s)
	if a := s.ask(t, http.MethodPost, "/api/workers/claim", goodClaim); !strings.Contains(a.body, `"labels":{"page":"exports"}`) {
		t.Errorf("got %s", a.body)
	}
}

func TestStartAnswersWithTheLeaseOfItsCaller(t *testing.T) { // T20
	for name, c := range map[string]struct {
		task task.Task
		want string
	}{
		"which is its worker":            {leasedToStarter, `"status":"running","stream_url":"/api/sse/stream?request_id=` + knownID + `","lease":"l1","lease_seconds":30}`},
		"which has started it before":    {task.Task{ID: knownID, Status: task.Running, Lease: "another's"}, `"status":"running","stream_url":"/api/sse/stream?request_id=` + knownID + `"}`},
		"which has ended what it claims": {task.Task{ID: knownID, Status: task.Completed, Lease: "l1"}, `"status":"completed","stream_url":"/api/sse/stream?request_id=` + knownID + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, ginapi.Config{})
			s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "resize", Key: "k", Claim: true}).Return(c.task, nil)
			a := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"resize","claim":true}`, "Idempotency-Key", "k")
			a.wantJSON(t, http.StatusAccepted, `{"task_id":"`+knownID+`",`+c.want)
			if secret := c.task.Term > 0; (a.header.Get("Cache-Control") == "no-store") != secret {
				t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
			}
		})
	}
	for _, claim := range []string{`"yes"`, `1`, `{}`} {
		newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks", `{"type":"resize","claim":`+claim+`}`).wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
	}
	for _, claim := range []string{`false`, `null`} {
		s := newService(t, ginapi.Config{})
		s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: "resize"}).Return(pending(knownID), nil)
		if a := s.ask(t, http.MethodPost, "/api/tasks", `{"type":"resize","claim":`+claim+`}`); a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", claim, a.status, a.body)
		}
	}
}

func TestClaimWaitsAsLongAsAsked(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"types":["resize"]}`:            20 * time.Second,
		`{"types":["resize"],"wait":60}`:  time.Minute,
		`{"types":["resize"],"wait":1.5}`: 1500 * time.Millisecond,
		`{"types":["resize"],"wait":0}`:   100 * time.Millisecond, // what is there is given out all the same
	} {
		synctest.Test(t, func(t *testing.T) {
			s, begin := newService(t, ginapi.Config{}), time.Now()
			s.workers.EXPECT().Claim(gomock.Any(), []string{"resize"}, "").DoAndReturn(func(ctx context.Context, _ []string, _ string) (task.Claim, error) {
				<-ctx.Done()
				return task.Claim{}, task.ErrNoTask
			})
			a := s.ask(t, http.MethodPost, "/api/workers/claim", body)
			if waited := time.Since(begin); a.status != http.StatusNoContent || a.body != "" || waited != want {
				t.Errorf("%s: %d %q after %s, want 204 after %s", body, a.status, a.body, waited, want)
			}
		})
	}
}

func TestInvalidWorkerBodiesAreRefused(t *testing.T) { // S3
	for path, bodies := range map[string][]string{
		"/api/workers/claim": {
			`null`, `{}`, `{"types":"resize"}`, `{"types":[1]}`, `{"types":["a"],"wait":-1}`, `{"types":["a"],"wait":61}`, `{"types":["a"],"wait":"1"}`,
		},
		"/api/tasks/" + knownID + "/progress": {
			`null`, `{"value":1}`, `{"lease":1}`, `{"lease":"l","value":"1"}`, `{"lease":"l","text":1}`, `{"lease":"l","stage":1.5}`, `{"lease":"l","unit":{}}`,
		},
		"/api/tasks/" + knownID + "/complete": {`null`, `{"result":1}`, `{"lease":[]}`},
		"/api/tasks/" + knownID + "/fail":     {`null`, `{"lease":"l"}`, `{"lease":"l","error":""}`, `{"lease":"l","error":{}}`, `{"error":"e"}`},
		"/api/tasks/" + knownID + "/release":  {`null`, `{}`, `{"lease":1}`, `[]`},
	} {
		for _, body := range bodies {
			newService(t, ginapi.Config{}).ask(t, http.MethodPost, path, body).wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
		}
	}
}

func TestProgressAnswersWithCancelRequested(t *testing.T) { // T4, T7
	for body, want := range map[string]task.Update{
		`{"lease":"l1"}`: {},
		`{"lease":"l1","text":"","value":0,"stage":1,"stages":2,"done":1.5,"total":3,"unit":"MiB"}`: {
			Text: new(""), Value: new(0.0), Stage: new(1), Stages: new(2), Done: new(1.5), Total: new(3.0), Unit: new("MiB"),
		},
		`{"lease":"l1","text":null,"value":7}`: {Value: new(7.0)},
	} {
		s := newService(t, ginapi.Config{})
		s.workers.EXPECT().Progress(gomock.Any(), task.ID(knownID), task.Lease("l1"), gomock.Any()).
			DoAndReturn(func(_ context.Context, _ task.ID, _ task.Lease, got task.Update) (bool, error) {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", body, diff)
				}
				return true, nil
			})
		s.ask(t, http.MethodPost, "/api/tasks/"+knownID+"/progress", body).wantJSON(t, http.StatusOK, `{"cancel_requested":true}`)
	}
}

func TestCompleteTakesAnyResult(t *testing.T) { // T5
	for body, want := range map[string]string{
		`{"lease":"l1"}`:                           "",
		`{"lease":"l1","result":null}`:             "",
		`{"lease":"l1","result":false}`:            "false",
		`{"lease":"l1","result":[1,{"a":"<&>"}]}`:  `[1,{"a":"<&>"}]`,
		`{"lease":"l1","result":{"b":1.0,"a":[]}}`: `{"b":1.0,"a":[]}`,
	} {
		s := newService(t, ginapi.Config{})
		result := json.RawMessage(want)
		if want == "" {
			result = nil
		}
		s.workers.EXPECT().Complete(gomock.Any(), task.ID(knownID), task.Lease("l1"), result)
		if a := s.ask(t, http.MethodPost, "/api/tasks/"+knownID+"/complete", body); a.status != http.StatusOK {
			t.Errorf("%.80s: %d %s", body, a.status, a.body)
		}
	}
}

// leased has the task's record name a lease.
func leased(lease task.Lease) func(*service) {
	return func(s *service) {
		s.reader.EXPECT().Get(gomock.Any(), task.ID(knownID)).Return(task.Task{ID: knownID, Lease: lease}, nil)
	}
}

func TestLargeResultNeedsItsLeaseFirst(t *testing.T) { // G4
	const path = "/api/tasks/" + knownID + "/complete"
	large := `"` + strings.Repeat("x", 2<<20) + `"`
	for name, c := range map[string]struct {
		query, body string
		holder      task.Lease // what the record says; "" is not asked for
		status      int
		code        string
	}{
		"in the query":                     {"?lease=l1", `{"result":` + large + `}`, "l1", 200, ""},
		"in the query and the body":        {"?lease=l1", `{"result":` + large + `,"lease":"l1"}`, "l1", 200, ""},
		"as the body's first field":        {"", ` { "lease" : "l1" , "result":` + large + `}`, "l1", 200, ""},
		"of another worker, in the query":  {"?lease=l1", `{"result":` + large + `}`, "l2", 409, "LEASE_LOST"},
		"of another worker, as the first":  {"", `{"lease":"l1","result":` + large + `}`, "l2", 409, "LEASE_LOST"},
		"behind the result":                {"", `{"result":` + large + `,"lease":"l1"}`, "", 413, "PAYLOAD_TOO_LARGE"},
		"nowhere":                          {"", large, "", 413, "PAYLOAD_TOO_LARGE"},
		"two that differ":                  {"?lease=l1", `{"lease":"l2"}`, "l1", 400, "INVALID_PAYLOAD"},
		"that is no text":                  {"", `{"lease":1,"result":` + large + `}`, "", 413, "PAYLOAD_TOO_LARGE"},
		"in the query, with a small body":  {"?lease=l1", `{"result":` + `"x"` + `}`, "l1", 200, ""},
		"of another worker, a small body ": {"?lease=l1", `{"result":1}`, "l2", 409, "LEASE_LOST"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, ginapi.Config{})
			if c.holder != "" {
				leased(c.holder)(s)
			}
			if c.status == http.StatusOK {
				s.workers.EXPECT().Complete(gomock.Any(), task.ID(knownID), task.Lease("l1"), gomock.Any())
			}
			if a := s.ask(t, http.MethodPost, path+c.query, c.body); a.status != c.status || a.code() != c.code {
				t.Errorf("%d %s, want %d %s", a.status, a.body, c.status, c.code)
			}
		})
	}
}

func TestBodyIsNotReadWithoutTheLease(t *testing.T) { // G4
	s := newService(t, ginapi.Config{})
	leased("l2")(s)
	r := newRequest(t, http.MethodPost, "/api/tasks/"+knownID+"/complete?lease=l1", "")
	r.Body, r.ContentLength = io.NopCloser(unreadable{t}), 16<<20
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, r)
	if rec.Code != http.StatusConflict {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// unreadable is a body that fails the test when it is read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestListMarksOmittedResults(t *testing.T) { // E8
	s := newService(t, ginapi.Config{})
	listed([]task.Task{{ID: knownID, Type: "t", Status: task.Completed, Truncated: true}}, "", nil)(s)
	if a := s.ask(t, http.MethodGet, "/api/tasks", ""); !strings.Contains(a.body, `"result":null,"truncated":true`) {
		t.Errorf("got %s", a.body)
	}
}

// deadlines is an answer that knows when the reading of its request must end.
type deadlines struct {
	*httptest.ResponseRecorder

	read []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return nil
}

// The server's limit for a body would cut a claim that waits for longer.
func TestClaimMayOutlastTheBodyTimeout(t *testing.T) {
	s, rec := newService(t, ginapi.Config{}), &deadlines{ResponseRecorder: httptest.NewRecorder()}
	claimedBy(task.Claim{}, task.ErrNoTask)(s)
	s.engine.ServeHTTP(rec, newRequest(t, http.MethodPost, "/api/workers/claim", goodClaim))
	if len(rec.read) != 1 || !rec.read[0].IsZero() {
		t.Errorf("read deadlines %v, want that there is none", rec.read)
	}
}

// closable is a body that knows whether it was closed.
type closable struct {
	io.Reader

	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// Limits that meet: a claim waits for a minute, and its body must not count among
// those under way meanwhile.
func TestClaimDoesNotHoldItsBodyWhileItWaits(t *testing.T) { // G4
	s := newService(t, ginapi.Config{})
	body := &closable{Reader: strings.NewReader(goodClaim)}
	s.workers.EXPECT().Claim(gomock.Any(), gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, []string, string) (task.Claim, error) {
		if !body.closed {
			t.Error("the body still counts")
		}
		return task.Claim{}, task.ErrNoTask
	})
	r := newRequest(t, http.MethodPost, "/api/workers/claim", goodClaim)
	r.Body = body
	s.engine.ServeHTTP(httptest.NewRecorder(), r)
}
