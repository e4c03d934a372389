package ginapi

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// The paths of Followers.
const (
	FollowPath   = "/api/connections/:request_id/follow"
	UnfollowPath = "/api/connections/:request_id/unfollow"
)

// Followers holds the handlers that have a browser's one stream carry the output of tasks
// (rule T22). It is safe for concurrent use.
type Followers struct {
	followers output.Followers
	log       *slog.Logger
}

// NewFollowers returns a Followers. It starts nothing.
func NewFollowers(followers output.Followers, log *slog.Logger) *Followers {
	return &Followers{followers: followers, log: log}
}

// Register adds the routes to r, which is the root.
func (f *Followers) Register(r gin.IRouter) {
	r.POST(FollowPath, handle(f.log, f.follow))
	r.POST(UnfollowPath, handle(f.log, f.unfollow))
}

func (f *Followers) follow(c *gin.Context) error {
	const want = `the body must be an object with a non-empty string "task_id" and, if wanted, a whole number "offset" that is not negative`
	id, err := connection.ParseRequestID(c.Param("request_id"))
	if err != nil {
		return err
	}
	var body struct {
		TaskID task.ID `json:"task_id"`
		Offset int64   `json:"offset"`
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.TaskID == "" || body.Offset < 0 {
		return ginjson.InvalidPayload(want)
	}
	if err := f.followers.Follow(c.Request.Context(), id, output.Followed{Task: body.TaskID, Offset: body.Offset}); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the stream follows the task"})
}

func (f *Followers) unfollow(c *gin.Context) error {
	const want = `the body must be an object with a non-empty string "task_id"`
	id, err := connection.ParseRequestID(c.Param("request_id"))
	if err != nil {
		return err
	}
	var body struct {
		TaskID task.ID `json:"task_id"`
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.TaskID == "" {
		return ginjson.InvalidPayload(want)
	}
	if err := f.followers.Unfollow(c.Request.Context(), id, body.TaskID); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the stream does not follow the task"})
}
