package ginapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	goodFollow   = `{"task_id":"` + knownID + `","offset":7}`
	goodUnfollow = `{"task_id":"` + knownID + `"}`
)

// followConversations are those about streams that follow tasks.
var followConversations = []conversation{
	{outcome: "POST /api/connections/{request_id}/follow 200", body: goodFollow, given: followed(nil)},
	{outcome: "POST /api/connections/{request_id}/follow 400 MISSING_BODY"},
	{outcome: "POST /api/connections/{request_id}/follow 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/connections/{request_id}/follow 400 INVALID_PAYLOAD", body: `{}`},
	{outcome: "POST /api/connections/{request_id}/follow 400 INVALID_REQUEST_ID", requestID: "r:1", body: goodFollow},
	{outcome: "POST /api/connections/{request_id}/follow 404 TASK_NOT_FOUND", body: goodFollow, given: followed(task.ErrNotFound)},
	{outcome: "POST /api/connections/{request_id}/follow 404 UNKNOWN_CONNECTION", body: goodFollow, given: followed(connection.ErrNotFound)},
	{outcome: "POST /api/connections/{request_id}/follow 409 WRONG_OFFSET", body: goodFollow, given: followed(&output.OffsetError{Length: 3})},
	{outcome: "POST /api/connections/{request_id}/follow 409 TOO_MANY_FOLLOWED", body: goodFollow, given: followed(output.ErrTooMany)},
	{outcome: "POST /api/connections/{request_id}/follow 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/connections/{request_id}/follow 503 BROKER_UNAVAILABLE", body: goodFollow, given: followed(fmt.Errorf("follow: %w", connection.ErrUnavailable))},
	{outcome: "POST /api/connections/{request_id}/follow 503 SHUTTING_DOWN", body: goodFollow, given: followed(output.ErrShuttingDown)},

	{outcome: "POST /api/connections/{request_id}/unfollow 200", body: goodUnfollow, given: unfollowed(nil)},
	{outcome: "POST /api/connections/{request_id}/unfollow 400 MISSING_BODY"},
	{outcome: "POST /api/connections/{request_id}/unfollow 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/connections/{request_id}/unfollow 400 INVALID_PAYLOAD", body: `{"task_id":""}`},
	{outcome: "POST /api/connections/{request_id}/unfollow 400 INVALID_REQUEST_ID", requestID: "r:1", body: goodUnfollow},
	{outcome: "POST /api/connections/{request_id}/unfollow 404 UNKNOWN_CONNECTION", body: goodUnfollow, given: unfollowed(connection.ErrNotFound)},
	{outcome: "POST /api/connections/{request_id}/unfollow 413 PAYLOAD_TOO_LARGE", body: tooLarge},
	{outcome: "POST /api/connections/{request_id}/unfollow 503 BROKER_UNAVAILABLE", body: goodUnfollow, given: unfollowed(connection.ErrUnavailable)},
}

func followed(err error) func(*service) {
	return func(s *service) {
		s.follow.EXPECT().Follow(gomock.Any(), connection.RequestID("r1"), output.Followed{Task: knownID, Offset: 7}).Return(err)
	}
}

func unfollowed(err error) func(*service) {
	return func(s *service) {
		s.follow.EXPECT().Unfollow(gomock.Any(), connection.RequestID("r1"), task.ID(knownID)).Return(err)
	}
}

func TestWhatAStreamIsToFollowIsSaidExactly(t *testing.T) { // T22, S3
	const path = "/api/connections/r1/follow"
	s := newService(t, ginapi.Config{})
	for _, body := range []string{
		`null`, `[]`, `{"task_id":1}`, `{"task_id":""}`, `{"offset":1}`, `{"task_id":"a","offset":-1}`, `{"task_id":"a","offset":1.5}`, `{"task_id":"a","offset":"1"}`, `{"task_id":"a","offset":1e30}`,
	} {
		s.ask(t, http.MethodPost, path, body).wantError(t, http.StatusBadRequest, "INVALID_PAYLOAD")
	}
	s.follow.EXPECT().Follow(gomock.Any(), connection.RequestID("r1"), output.Followed{Task: knownID}).Return(nil)
	s.ask(t, http.MethodPost, path, `{"task_id":"`+knownID+`"}`).wantJSON(t, http.StatusOK, `{"success":true,"message":"the stream follows the task"}`)
}
