package ginapi_test

import (
	"net/http"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

func TestAWorkerSaysWhetherTryingAgainIsUseless(t *testing.T) { // T18
	for field, want := range map[string]task.Failure{
		``:                          {Error: "no such file"},
		`,"retry":true`:             {Error: "no such file"},
		`,"retry":null`:             {Error: "no such file"},
		`,"retry":false`:            {Error: "no such file", Final: true},
		`,"retry":false,"code":"X"`: {Error: "no such file", Code: "X", Final: true},
	} {
		s := newService(t, ginapi.Config{})
		s.workers.EXPECT().Fail(gomock.Any(), task.ID(knownID), task.Lease("l"), want)
		s.ask(t, http.MethodPost, "/api/tasks/"+knownID+"/fail", `{"lease":"l","error":"no such file"`+field+`}`).
			wantJSON(t, http.StatusOK, `{"success":true,"message":"the attempt has ended"}`)
	}
	newService(t, ginapi.Config{}).ask(t, http.MethodPost, "/api/tasks/"+knownID+"/fail", `{"lease":"l","error":"e","retry":"no"}`).
		wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
}
