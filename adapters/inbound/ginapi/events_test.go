package ginapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
)

func TestWhatAnEventSaysReachesTheService(t *testing.T) { // E11
	data := func(text string) appevent.Request {
		return appevent.Request{Name: "note", Data: json.RawMessage(text)}
	}
	to := func(a *access.Audience) appevent.Request {
		r := data(`1`)
		r.Audience = access.Choice{Given: true, Audience: a}
		return r
	}
	private := data(`1`)
	private.RequestID = "tab-1"
	for body, want := range map[string]appevent.Request{
		`{"name":"note","data":{"a":[1.50,"<ü>"]}}`:                     data(`{"a":[1.50,"<ü>"]}`),
		`{"name":"note","data":null,"other":1}`:                         data(`null`),
		`{"name":"note","data":"","audience":null,"request_id":null}`:   data(`""`),
		`{"name":"note","data":1,"audience":"everyone"}`:                to(nil),
		`{"name":"note","data":1,"audience":{"roles":["a"]}}`:           to(&access.Audience{Roles: []string{"a"}}),
		`{"name":"note","data":1,"request_id":"tab-1"}`:                 private,
		`{"name":"note","data":1,"request_id":"tab-1","audience":null}`: private,
	} {
		s := newService(t, ginapi.Config{})
		want.Key = "key"
		s.events.EXPECT().Publish(gomock.Any(), gomock.Cond(func(got appevent.Request) bool {
			diff := cmp.Diff(want, got)
			if diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
			return diff == ""
		})).Return(appevent.Receipt{ID: event.ID{Epoch: "e", Seq: 7}, Delivered: true}, nil)
		s.ask(t, http.MethodPost, "/api/events", body, "Idempotency-Key", "key").wantJSON(t, http.StatusAccepted, `{"id":"e-7","delivered":true}`)
	}
}

func TestAPrivateEventHasNoID(t *testing.T) { // E11
	s := newService(t, ginapi.Config{})
	s.events.EXPECT().Publish(gomock.Any(), gomock.Any())
	s.ask(t, http.MethodPost, "/api/events", `{"name":"note","data":1,"request_id":"tab-1"}`).wantJSON(t, http.StatusAccepted, `{"id":null,"delivered":false}`)
}

func TestBadEventsAreRefused(t *testing.T) { // E11, S3
	for body, code := range map[string]string{
		`{"data":1}`:                                          "INVALID_EVENT_NAME",
		`{"name":"","data":1}`:                                "INVALID_EVENT_NAME",
		`{"name":"Order","data":1}`:                           "INVALID_EVENT_NAME",
		`{"name":"task_event","data":1}`:                      "INVALID_EVENT_NAME",
		`{"name":"message","data":1}`:                         "INVALID_EVENT_NAME",
		`{"name":"a b","data":1}`:                             "INVALID_EVENT_NAME",
		`{"name":"` + strings.Repeat("x", 65) + `","data":1}`: "INVALID_EVENT_NAME",
		`{"name":7,"data":1}`:                                 "INVALID_PAYLOAD",
		`["note"]`:                                            "INVALID_PAYLOAD",
		`{"name":"note"}`:                                     "INVALID_PAYLOAD",
		`{"name":"note","data":1,"request_id":7}`:             "INVALID_PAYLOAD",
		`{"name":"note","data":1,"request_id":"a","audience":"everyone"}`: "INVALID_PAYLOAD",
		`{"name":"note","data":1,"request_id":""}`:                        "INVALID_REQUEST_ID",
		`{"name":"note","data":1,"audience":{}}`:                          "INVALID_AUDIENCE",
		`{"name":"note","data":1,"audience":{"request_ids":["a b"]}}`:     "INVALID_AUDIENCE",
	} {
		newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/events", body).wantError(t, http.StatusBadRequest, code)
	}
}
